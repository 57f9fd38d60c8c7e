"""StatefulSets: their order, what holds it up, and how they are moved in parts."""

from typing import Any

import pytest

from resail.models.identity import KindRef, Manifest
from tests.contract.history import recorded
from tests.contract.site import POD, Site
from tests.contract.workloads import (
    NEVER_READY,
    is_ready,
    meanwhile,
    pods,
    restart,
    restart_in_vain,
    rolled_out,
    shows,
    stateful_set,
    uids,
    workload_ref,
)

STATEFUL_SET = KindRef("apps/v1", "StatefulSet")
PARALLEL = {"podManagementPolicy": "Parallel"}


async def standing(site: Site, replicas: int, **spec: Any) -> dict[str, str]:
    """A StatefulSet that stands; its pods' names and uids."""
    await site.cluster.create(stateful_set(site, "db", replicas=replicas, **spec))
    await rolled_out(site, "StatefulSet", "db")
    return await uid_of_each(site)


async def uid_of_each(site: Site) -> dict[str, str]:
    return {name: pod["metadata"]["uid"] for name, pod in (await pods(site, "db")).items()}


async def take_back(site: Site) -> None:
    patch = {"spec": {"template": {"metadata": {"annotations": dict.fromkeys(NEVER_READY)}}}}
    await site.cluster.patch(workload_ref(site, "StatefulSet", "db"), patch)


async def until_replaced(site: Site, before: dict[str, str], name: str) -> Manifest:
    """The pod of that name that is there after the one of before."""
    found: list[Manifest] = []

    async def done() -> bool:
        there = (await pods(site, "db")).get(name)
        if there is not None and there["metadata"]["uid"] != before[name]:
            found.append(there)
        return bool(found)

    await site.until(done)
    return found[0]


def order_of(events: list[Any]) -> list[tuple[str, str]]:
    """What is made, gets ready and goes, in its order; each once."""
    order: list[tuple[str, str]] = []
    for event in events:
        change = {"ADDED": "made", "DELETED": "gone", "MODIFIED": "ready" if is_ready(event.object) else ""}[event.type]
        entry = (change, event.object["metadata"]["name"])
        dying = "deletionTimestamp" in event.object["metadata"]
        if change and not (change == "ready" and dying) and entry not in order:
            order.append(entry)
    return order


async def test_pods_are_made_lowest_first_each_after_the_one_before_is_ready(site: Site) -> None:
    async with recorded(site, POD, "app=db") as events:
        await standing(site, 3)

        async def all_told() -> bool:
            return len(order_of(events)) == 6

        await site.until(all_told)
    assert order_of(events) == [(change, f"db-{ordinal}") for ordinal in range(3) for change in ("made", "ready")]


async def test_pods_are_replaced_highest_first_each_ready_before_the_next_goes(site: Site) -> None:
    await standing(site, 3)
    async with recorded(site, POD, "app=db") as events:
        await restart(site, "StatefulSet", "db", "r-1")
        await rolled_out(site, "StatefulSet", "db")

        async def all_told() -> bool:
            return len(order_of(events)) == 9

        await site.until(all_told)
    assert order_of(events) == [(change, f"db-{ordinal}") for ordinal in (2, 1, 0) for change in ("gone", "made", "ready")]


async def test_a_pod_that_never_gets_ready_holds_the_lower_ones_up(site: Site) -> None:
    before = await standing(site, 3)
    await restart_in_vain(site, "StatefulSet", "db")
    await shows(site, "StatefulSet", "db", replicas=3, updatedReplicas=1, readyReplicas=2)
    await meanwhile(site, "StatefulSet")
    after = await uid_of_each(site)
    assert {name for name in before if before[name] != after[name]} == {"db-2"}


async def test_taking_the_template_back_does_not_free_a_stuck_pod_until_it_is_deleted(site: Site) -> None:
    """https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback"""
    before = await standing(site, 2)
    await restart_in_vain(site, "StatefulSet", "db")
    stuck = await until_replaced(site, before, "db-1")
    await take_back(site)
    taken_back = await shows(site, "StatefulSet", "db", replicas=2, updatedReplicas=1, readyReplicas=1)
    assert taken_back["status"]["currentRevision"] == taken_back["status"]["updateRevision"]
    await meanwhile(site, "StatefulSet")
    assert (await uid_of_each(site))["db-1"] == stuck["metadata"]["uid"]
    await site.cluster.evict(site.ref(POD, "db-1"))
    await rolled_out(site, "StatefulSet", "db")
    assert (await uid_of_each(site))["db-0"] == before["db-0"]


# --- parallel ---


async def test_in_parallel_all_pods_are_made_though_none_is_ready(site: Site) -> None:
    await site.cluster.create(stateful_set(site, "db", replicas=3, annotations=NEVER_READY, **PARALLEL))
    await shows(site, "StatefulSet", "db", replicas=3, readyReplicas=0)


async def test_in_parallel_a_rollout_is_still_one_by_one(site: Site) -> None:
    before = await standing(site, 3, **PARALLEL)
    await restart_in_vain(site, "StatefulSet", "db")
    await shows(site, "StatefulSet", "db", replicas=3, updatedReplicas=1, readyReplicas=2)
    await meanwhile(site, "StatefulSet")
    after = await uid_of_each(site)
    assert {name for name in before if before[name] != after[name]} == {"db-2"}


async def test_in_parallel_taking_the_template_back_frees_a_stuck_pod(site: Site) -> None:
    before = await standing(site, 2, **PARALLEL)
    await restart_in_vain(site, "StatefulSet", "db")
    await until_replaced(site, before, "db-1")
    await take_back(site)
    await rolled_out(site, "StatefulSet", "db")
    assert (await uid_of_each(site))["db-0"] == before["db-0"]


# --- in parts ---


async def test_a_partition_keeps_the_ordinals_below_it_on_the_old_revision(site: Site) -> None:
    before = await standing(site, 3, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 1}})
    await restart(site, "StatefulSet", "db", "r-1")
    workload = await shows(site, "StatefulSet", "db", updatedReplicas=2, availableReplicas=3, currentReplicas=1)
    assert workload["status"]["currentRevision"] != workload["status"]["updateRevision"]
    await meanwhile(site, "StatefulSet")
    after = await uid_of_each(site)
    assert {name for name in before if before[name] != after[name]} == {"db-1", "db-2"}


async def test_below_the_partition_a_deleted_pod_comes_back_on_the_old_revision(site: Site) -> None:
    before = await standing(site, 2, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 1}})
    await restart(site, "StatefulSet", "db", "r-1")
    await shows(site, "StatefulSet", "db", updatedReplicas=1, availableReplicas=2)
    await site.cluster.delete(site.ref(POD, "db-0"))
    pod = await until_replaced(site, before, "db-0")
    assert "resail.dev/restart" not in pod["metadata"].get("annotations", {})


async def test_a_partition_that_is_taken_away_lets_the_rest_go_on(site: Site) -> None:
    await standing(site, 2, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 1}})
    await restart(site, "StatefulSet", "db", "r-1")
    await shows(site, "StatefulSet", "db", updatedReplicas=1, availableReplicas=2)
    patch = {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}
    await site.cluster.patch(workload_ref(site, "StatefulSet", "db"), patch)
    workload = await rolled_out(site, "StatefulSet", "db")
    assert workload["status"]["currentRevision"] == workload["status"]["updateRevision"]


async def test_on_delete_a_deleted_pod_comes_back_on_the_new_revision_and_the_others_stay(site: Site) -> None:
    before = await standing(site, 2, updateStrategy={"type": "OnDelete"})
    await restart(site, "StatefulSet", "db", "r-1")
    await site.cluster.delete(site.ref(POD, "db-0"))
    pod = await until_replaced(site, before, "db-0")
    assert pod["metadata"]["annotations"]["resail.dev/restart"] == "r-1"
    await shows(site, "StatefulSet", "db", updatedReplicas=1, availableReplicas=2)
    assert (await uid_of_each(site))["db-1"] == before["db-1"]


# --- more ---


async def test_scaling_down_takes_the_highest_ordinals(site: Site) -> None:
    before = await standing(site, 3)
    async with recorded(site, POD, "app=db") as events:
        await site.cluster.patch(workload_ref(site, "StatefulSet", "db"), {"spec": {"replicas": 1}})
        await rolled_out(site, "StatefulSet", "db")

        async def all_told() -> bool:
            return len(order_of(events)) == 2

        await site.until(all_told)
    assert order_of(events) == [("gone", "db-2"), ("gone", "db-1")]
    assert await uid_of_each(site) == {"db-0": before["db-0"]}


async def test_a_template_that_returns_is_the_newest_revision_again(site: Site) -> None:
    await standing(site, 1)
    await restart(site, "StatefulSet", "db", "r-1")
    await rolled_out(site, "StatefulSet", "db")
    await restart(site, "StatefulSet", "db", None)
    workload = await rolled_out(site, "StatefulSet", "db")
    revisions = await site.cluster.list_objects(KindRef("apps/v1", "ControllerRevision"), namespace=site.namespace)
    first, second = sorted(revisions, key=lambda one: int(one["revision"]))
    assert second["metadata"]["name"] == workload["status"]["updateRevision"]
    assert first["revision"] < second["revision"]


async def test_pods_have_the_name_of_their_revision(site: Site) -> None:
    await standing(site, 1)
    (pod,) = (await pods(site, "db")).values()
    workload = await site.cluster.get(workload_ref(site, "StatefulSet", "db"))
    labels = pod["metadata"]["labels"]
    assert labels["controller-revision-hash"] == workload["status"]["updateRevision"]
    assert labels["statefulset.kubernetes.io/pod-name"] == "db-0"


async def test_the_next_pod_waits_until_the_one_before_is_available(site: Site) -> None:
    await standing(site, 2, minReadySeconds=2)
    async with recorded(site, STATEFUL_SET) as events:
        await restart(site, "StatefulSet", "db", "r-1")
        await rolled_out(site, "StatefulSet", "db")
    counts = [
        (event.object["status"].get("readyReplicas", 0), event.object["status"].get("availableReplicas", 0)) for event in events
    ]
    assert (2, 1) in counts
    assert min(available for _, available in counts) == 1


async def test_what_is_left_out_of_the_strategy_is_filled_in(site: Site) -> None:
    created = await site.cluster.create(stateful_set(site, "db", replicas=1))
    assert created["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert created["spec"]["podManagementPolicy"] == "OrderedReady"


@pytest.mark.parametrize("name", ["db-0", "db-1"])
async def test_a_deleted_pod_comes_back_with_its_name_and_another_uid(site: Site, name: str) -> None:
    before = await standing(site, 2)
    await site.cluster.delete(site.ref(POD, name))
    await until_replaced(site, before, name)
    await rolled_out(site, "StatefulSet", "db")
    after = await pods(site, "db")
    assert set(after) == set(before)
    assert len(uids(after) & set(before.values())) == 1
