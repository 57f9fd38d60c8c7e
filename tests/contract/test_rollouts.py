"""A restart by an annotation in the pod template, and what the controllers tell of it."""

from collections.abc import Callable

import pytest

from resail.models.identity import KindRef, Manifest
from tests.contract.site import DEPLOYMENT, Site
from tests.contract.workloads import (
    daemon_set,
    deployment,
    is_ready,
    is_rolled_out,
    pods,
    restart,
    rolled_out,
    stateful_set,
    uids,
)

MAKERS: dict[str, Callable[[Site], Manifest]] = {
    "Deployment": lambda site: deployment(site, "web", replicas=2),
    "StatefulSet": lambda site: stateful_set(site, "web", replicas=2),
    "DaemonSet": lambda site: daemon_set(site, "web"),
}


@pytest.mark.parametrize("kind", MAKERS)
async def test_every_pod_is_replaced_once(site: Site, kind: str) -> None:
    await site.cluster.create(MAKERS[kind](site))
    before = await rolled_out(site, kind, "web")
    old = await pods(site, "web")
    patched = await restart(site, kind, "web", "r-1/waves/1")
    assert patched["metadata"]["generation"] == before["metadata"]["generation"] + 1
    # Nobody may take the status of the generation before for that of this one.
    assert not is_rolled_out(patched)
    await rolled_out(site, kind, "web")
    new = await pods(site, "web")
    assert len(new) == len(old)
    assert not uids(old) & uids(new)
    for pod in new.values():
        assert pod["metadata"]["annotations"]["resail.dev/restart"] == "r-1/waves/1"
        assert is_ready(pod)


@pytest.mark.parametrize("kind", MAKERS)
async def test_the_same_annotation_again_restarts_nothing(site: Site, kind: str) -> None:
    await site.cluster.create(MAKERS[kind](site))
    await rolled_out(site, kind, "web")
    first = await restart(site, kind, "web", "r-1/waves/1")
    await rolled_out(site, kind, "web")
    before = await pods(site, "web")
    second = await restart(site, kind, "web", "r-1/waves/1")
    assert second["metadata"]["generation"] == first["metadata"]["generation"]
    # A mark on another workload, rolled out after this one, shows that the controllers had their turn.
    await site.cluster.create(deployment(site, "other", replicas=1))
    await rolled_out(site, "Deployment", "other")
    assert uids(await pods(site, "web")) == uids(before)


async def test_other_annotations_of_the_template_stay(site: Site) -> None:
    await site.cluster.create(deployment(site, "web", replicas=1, annotations={"theirs": "1"}))
    patched = await restart(site, "Deployment", "web", "r-1/waves/1")
    annotations = patched["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"theirs": "1", "resail.dev/restart": "r-1/waves/1"}


async def test_a_deployment_keeps_what_its_strategy_promises(site: Site) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    await site.cluster.create(deployment(site, "web", replicas=3, strategy=strategy))
    await rolled_out(site, "Deployment", "web")
    await restart(site, "Deployment", "web", "r-1/waves/1")
    while not is_rolled_out(workload := await site.cluster.get(site.ref(DEPLOYMENT, "web"))):
        assert workload["status"].get("availableReplicas", 0) >= 3
        # The status sums up what ReplicaSets told at different moments; what is wanted of them is never too much.
        sets = await site.cluster.list_objects(KindRef("apps/v1", "ReplicaSet"), namespace=site.namespace)
        assert sum(one["spec"]["replicas"] for one in sets) <= 4
        await site.clock.sleep(0.02)


async def test_a_stateful_set_keeps_its_names_and_says_when_it_is_on_the_new_revision(site: Site) -> None:
    await site.cluster.create(stateful_set(site, "db", replicas=2))
    before = await rolled_out(site, "StatefulSet", "db")
    assert before["status"]["currentRevision"] == before["status"]["updateRevision"]
    patched = await restart(site, "StatefulSet", "db", "r-1/waves/1")
    assert patched["status"]["currentRevision"] == before["status"]["currentRevision"]
    after = await rolled_out(site, "StatefulSet", "db")
    assert after["status"]["updateRevision"] != before["status"]["updateRevision"]
    assert set(await pods(site, "db")) == {"db-0", "db-1"}


async def test_a_workload_that_waits_for_its_pods_to_be_deleted_restarts_none(site: Site) -> None:
    await site.cluster.create(stateful_set(site, "db", replicas=1, updateStrategy={"type": "OnDelete"}))
    await rolled_out(site, "StatefulSet", "db")
    before = await pods(site, "db")
    patched = await restart(site, "StatefulSet", "db", "r-1/waves/1")

    async def observed() -> bool:
        workload = await site.cluster.get(site.ref(KindRef("apps/v1", "StatefulSet"), "db"))
        return bool(workload["status"]["observedGeneration"] == patched["metadata"]["generation"])

    await site.until(observed)
    assert uids(await pods(site, "db")) == uids(before)


async def test_pods_name_their_owners_up_to_the_workload(site: Site) -> None:
    created = await site.cluster.create(deployment(site, "web", replicas=1))
    await rolled_out(site, "Deployment", "web")
    (pod,) = (await pods(site, "web")).values()
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["controller"]) == ("ReplicaSet", True)
    replica_set = await site.cluster.get(site.ref(KindRef("apps/v1", "ReplicaSet"), owner["name"]))
    (owner,) = replica_set["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Deployment", created["metadata"]["uid"])
    assert pod["spec"]["nodeName"]


async def test_a_pod_that_never_gets_ready_holds_the_rollout_up(site: Site) -> None:
    await site.cluster.create(deployment(site, "web", replicas=2))
    await rolled_out(site, "Deployment", "web")
    ref = site.ref(DEPLOYMENT, "web")
    template = {"metadata": {"annotations": {"testbed.resail.dev/never-ready": "true"}}}
    await site.cluster.patch(ref, {"spec": {"template": template}})

    async def one_is_new() -> bool:
        workload = await site.cluster.get(ref)
        return bool(workload["status"].get("updatedReplicas", 0) and workload["status"].get("unavailableReplicas", 0))

    await site.until(one_is_new)
    workload = await site.cluster.get(ref)
    assert not is_rolled_out(workload)
    assert workload["status"]["availableReplicas"] == 2
