"""Pods that a finalizer holds while they end: the test bed's nodes let go of all."""

from resail.models.identity import Manifest, ObjectRef
from resail.twin.cluster import TwinCluster, open_twin
from tests.twin.worlds import deployment, pods, restart, rolled_out, set_up

HELD = {"metadata": {"finalizers": ["example.org/held"]}}
BUDGET = ObjectRef("policy/v1", "PodDisruptionBudget", "shop", "web")


async def one_held(twin: TwinCluster) -> ObjectRef:
    """One of the pods of a Deployment that stands."""
    await rolled_out(twin)
    ref = ObjectRef.of({"apiVersion": "v1", "kind": "Pod", **(await pods(twin))[0]})
    await twin.patch(ref, HELD)
    return ref


async def test_for_a_budget_it_is_not_healthy() -> None:
    async with open_twin() as twin:
        budget: Manifest = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        }
        await set_up(twin, deployment(replicas=2), budget)
        await twin.delete(await one_held(twin))
        await twin.clock.sleep(5)
        await rolled_out(twin)
        assert len(await pods(twin)) == 3
        assert (await twin.get(BUDGET))["status"]["currentHealthy"] == 2


async def test_recreate_waits_for_it() -> None:
    async with open_twin() as twin:
        await set_up(twin, deployment(replicas=2, strategy={"type": "Recreate"}))
        held = await one_held(twin)
        await restart(twin, "second")
        await twin.clock.sleep(60)
        assert [pod["metadata"]["name"] for pod in await pods(twin)] == [held.name]
        await twin.patch(held, {"metadata": {"finalizers": None}})
        await rolled_out(twin)
