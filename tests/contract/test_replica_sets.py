"""ReplicaSets by themselves: whom they give up."""

from tests.contract.site import Site
from tests.contract.workloads import NEVER_READY, deployment, pods, shows, uids, workload_ref


async def test_scaled_down_it_gives_up_pods_that_are_not_ready_first(site: Site) -> None:
    ref = workload_ref(site, "ReplicaSet", "web")
    await site.cluster.create({**deployment(site, "web", 2), "kind": "ReplicaSet"})
    await shows(site, "ReplicaSet", "web", readyReplicas=2)
    ready = await pods(site, "web")
    await site.cluster.patch(ref, {"spec": {"replicas": 3, "template": {"metadata": {"annotations": NEVER_READY}}}})

    async def all_run() -> bool:
        return [pod["status"].get("phase") for pod in (await pods(site, "web")).values()] == ["Running"] * 3

    await site.until(all_run)
    await site.cluster.patch(ref, {"spec": {"replicas": 2}})
    await shows(site, "ReplicaSet", "web", replicas=2)
    assert uids(await pods(site, "web")) == uids(ready)
