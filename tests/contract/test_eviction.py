"""Eviction keeps PodDisruptionBudgets; rollouts do not."""

from typing import Any

import pytest

from resail.errors import ClusterApiError, EvictionBlockedError
from resail.models.identity import KindRef, Manifest
from tests.contract.site import POD, Site
from tests.contract.workloads import deployment, pods, restart, rolled_out

BUDGET = KindRef("policy/v1", "PodDisruptionBudget")


def budget(site: Site, name: str, **spec: Any) -> Manifest:
    return {
        "apiVersion": BUDGET.api_version,
        "kind": BUDGET.kind,
        "metadata": {"name": name, "namespace": site.namespace},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


async def standing(site: Site, *budgets: Manifest, replicas: int = 2) -> str:
    """A Deployment that stands, with these budgets known to their controller; the name of one of its pods."""
    await site.cluster.create(deployment(site, "web", replicas=replicas))
    await rolled_out(site, "Deployment", "web")
    for one in budgets:
        await site.cluster.create(one)
        await counted(site, one["metadata"]["name"], replicas)
    return min(await pods(site, "web"))


async def counted(site: Site, name: str, healthy: int) -> None:
    """Wait until the controller has seen the budget as it is, and its pods."""

    async def done() -> bool:
        found = await site.cluster.get(site.ref(BUDGET, name))
        status = found.get("status", {})
        observed = status.get("observedGeneration") == found["metadata"]["generation"]
        return bool(observed and status.get("currentHealthy") == healthy)

    await site.until(done)


async def replaced(site: Site, name: str) -> None:
    async def done() -> bool:
        return name not in await pods(site, "web")

    await site.until(done)
    await rolled_out(site, "Deployment", "web")


async def test_a_pod_without_a_budget_goes_and_another_comes(site: Site) -> None:
    name = await standing(site)
    await site.cluster.evict(site.ref(POD, name))
    await replaced(site, name)


async def test_a_budget_that_allows_it(site: Site) -> None:
    name = await standing(site, budget(site, "web", maxUnavailable=1))
    await site.cluster.evict(site.ref(POD, name))
    await replaced(site, name)


@pytest.mark.parametrize("spec", [{"minAvailable": 2}, {"maxUnavailable": 0}, {"minAvailable": "100%"}])
async def test_a_budget_that_does_not_allow_it(site: Site, spec: dict[str, Any]) -> None:
    name = await standing(site, budget(site, "web", **spec))
    with pytest.raises(EvictionBlockedError) as caught:
        await site.cluster.evict(site.ref(POD, name))
    assert caught.value.status == 429
    assert caught.value.on == f"evict {site.namespace}/Pod/{name}"
    assert name in await pods(site, "web")


async def test_a_budget_that_comes_to_allow_it(site: Site) -> None:
    name = await standing(site, budget(site, "web", minAvailable=2))
    with pytest.raises(EvictionBlockedError):
        await site.cluster.evict(site.ref(POD, name))
    await site.cluster.patch(site.ref(BUDGET, "web"), {"spec": {"minAvailable": 1}})
    await counted(site, "web", healthy=2)
    await site.cluster.evict(site.ref(POD, name))
    await replaced(site, name)


async def test_one_goes_and_the_next_one_must_wait(site: Site) -> None:
    await standing(site, budget(site, "web", minAvailable=1))
    # The replacement never gets ready, so that the budget stays used up.
    template = {"metadata": {"annotations": {"testbed.resail.dev/never-ready": "true"}}}
    await site.cluster.patch(site.ref(KindRef("apps/v1", "Deployment"), "web"), {"spec": {"paused": True, "template": template}})
    first, second = sorted(await pods(site, "web"))
    replica_set = (await pods(site, "web"))[first]["metadata"]["ownerReferences"][0]["name"]
    await site.cluster.patch(site.ref(KindRef("apps/v1", "ReplicaSet"), replica_set), {"spec": {"template": template}})
    await site.cluster.evict(site.ref(POD, first))
    with pytest.raises(EvictionBlockedError):
        await site.cluster.evict(site.ref(POD, second))


async def test_more_than_one_budget_for_a_pod_is_an_error_and_no_waiting(site: Site) -> None:
    name = await standing(site, budget(site, "one", maxUnavailable=1), budget(site, "two", maxUnavailable=1))
    with pytest.raises(ClusterApiError, match="more than one PodDisruptionBudget") as caught:
        await site.cluster.evict(site.ref(POD, name))
    assert not isinstance(caught.value, EvictionBlockedError)
    assert name in await pods(site, "web")


async def test_a_dry_run_leaves_the_pod(site: Site) -> None:
    name = await standing(site, budget(site, "web", minAvailable=1))
    await site.cluster.evict(site.ref(POD, name), dry_run=True)
    assert name in await pods(site, "web")


async def test_a_dry_run_does_not_use_the_budget_up(site: Site) -> None:
    name = await standing(site, budget(site, "web", minAvailable=1))
    await site.cluster.evict(site.ref(POD, name), dry_run=True)
    await site.cluster.evict(site.ref(POD, name))
    await replaced(site, name)


async def test_a_budget_that_is_made_tighter_counts_at_once(site: Site) -> None:
    name = await standing(site, budget(site, "web", minAvailable=1))
    await site.cluster.patch(site.ref(BUDGET, "web"), {"spec": {"minAvailable": 2}})
    with pytest.raises(EvictionBlockedError):
        await site.cluster.evict(site.ref(POD, name))


async def test_a_dry_run_meets_the_budget(site: Site) -> None:
    name = await standing(site, budget(site, "web", minAvailable=2))
    with pytest.raises(EvictionBlockedError):
        await site.cluster.evict(site.ref(POD, name), dry_run=True)


async def test_a_pod_that_is_gone_is_evicted(site: Site) -> None:
    await site.cluster.evict(site.ref(POD, "never-was"))


async def test_a_rollout_does_not_ask_the_budget(site: Site) -> None:
    """Why the planner must: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 2}}
    await site.cluster.create(deployment(site, "web", replicas=2, strategy=strategy))
    await rolled_out(site, "Deployment", "web")
    await site.cluster.create(budget(site, "web", minAvailable=2))
    await counted(site, "web", healthy=2)
    before = await pods(site, "web")
    await restart(site, "Deployment", "web", "r-1/waves/1")
    await rolled_out(site, "Deployment", "web")
    assert not set(before) & set(await pods(site, "web"))
