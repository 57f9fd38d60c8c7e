"""Deployments: how far a rollout goes, when it waits, and what going back to an earlier template keeps."""

from collections import Counter
from typing import Any

import pytest

from resail.errors import ApiInvalidError
from resail.models.identity import KindRef, Manifest
from tests.contract.history import recorded, states
from tests.contract.site import DEPLOYMENT, POD, Site
from tests.contract.workloads import (
    NEVER_READY,
    deployment,
    meanwhile,
    pods,
    ready_after,
    restart,
    restart_in_vain,
    rolled_out,
    rolling,
    shows,
    uids,
)

REPLICA_SET = KindRef("apps/v1", "ReplicaSet")
REVISION = "deployment.kubernetes.io/revision"


async def standing(site: Site, replicas: int, **spec: Any) -> dict[str, Manifest]:
    """A Deployment that stands; its pods."""
    await site.cluster.create(deployment(site, "web", replicas=replicas, **spec))
    await rolled_out(site, "Deployment", "web")
    return await pods(site, "web")


def progressing(workload: Manifest) -> tuple[str, str]:
    """Status and reason of the condition."""
    for condition in workload.get("status", {}).get("conditions", ()):
        if condition["type"] == "Progressing":
            return condition["status"], condition["reason"]
    return "", ""


async def until_progressing(site: Site, status: str, reason: str) -> Manifest:
    async def told() -> bool:
        return progressing(await site.cluster.get(site.ref(DEPLOYMENT, "web"))) == (status, reason)

    await site.until(told)
    return await site.cluster.get(site.ref(DEPLOYMENT, "web"))


# --- surge and unavailable ---


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "old", "new"),
    [
        pytest.param(4, 1, 0, 4, 1, id="surge"),
        pytest.param(4, 0, 1, 3, 1, id="unavailable"),
        pytest.param(4, 1, 1, 3, 2, id="both"),
        pytest.param(5, "30%", "30%", 4, 3, id="surge-rounds-up-and-unavailable-down"),
        pytest.param(3, 0, "10%", 2, 1, id="one-goes-where-both-come-to-nothing"),
    ],
)
async def test_a_rollout_in_vain_stops_at_surge_and_unavailable(
    site: Site, replicas: int, surge: int | str, unavailable: int | str, old: int, new: int
) -> None:
    await standing(site, replicas, strategy=rolling(surge, unavailable))
    await restart_in_vain(site, "Deployment", "web")
    counts = {"replicas": old + new, "updatedReplicas": new, "readyReplicas": old, "availableReplicas": old}
    await shows(site, "Deployment", "web", **counts, unavailableReplicas=new)
    await meanwhile(site)
    await shows(site, "Deployment", "web", **counts, unavailableReplicas=new)
    found = (await pods(site, "web")).values()
    is_new = Counter(NEVER_READY.items() <= pod["metadata"].get("annotations", {}).items() for pod in found)
    assert is_new == {False: old, True: new}


async def test_what_is_left_out_of_the_strategy_is_filled_in(site: Site) -> None:
    created = await site.cluster.create(deployment(site, "web", replicas=1))
    assert created["spec"]["strategy"] == rolling("25%", "25%")
    assert (created["spec"]["progressDeadlineSeconds"], created["spec"]["revisionHistoryLimit"]) == (600, 10)


async def test_a_strategy_of_two_zeros_is_refused(site: Site) -> None:
    with pytest.raises(ApiInvalidError):
        await site.cluster.create(deployment(site, "web", replicas=1, strategy=rolling(0, 0)))


async def test_recreate_ends_all_old_pods_before_the_first_new_one(site: Site) -> None:
    old = await standing(site, 2, strategy={"type": "Recreate"})
    async with recorded(site, POD, "app=web") as events:
        await restart(site, "Deployment", "web", "r-1")
        await rolled_out(site, "Deployment", "web")

        async def all_told() -> bool:
            return [event.type for event in events].count("ADDED") == 2

        await site.until(all_told)
    changes = [(event.type, event.object["metadata"]["name"] in old) for event in events if event.type != "MODIFIED"]
    assert changes == [("DELETED", True)] * 2 + [("ADDED", False)] * 2


async def test_a_pod_is_available_only_after_its_minimum_and_the_rollout_waits_for_that(site: Site) -> None:
    await standing(site, 1, strategy=rolling(1, 0), minReadySeconds=2)
    async with recorded(site, DEPLOYMENT) as events:
        await restart(site, "Deployment", "web", "r-1")
        await rolled_out(site, "Deployment", "web")
    counts = [
        (state["status"].get("readyReplicas", 0), state["status"].get("availableReplicas", 0)) for state in states(events, "web")
    ]
    assert (2, 1) in counts
    assert min(available for _, available in counts) == 1


# --- paused ---


async def test_a_paused_rollout_is_observed_and_starts_nothing_until_it_goes_on(site: Site) -> None:
    old = await standing(site, 1)
    await site.cluster.patch(site.ref(DEPLOYMENT, "web"), {"spec": {"paused": True}})
    await restart(site, "Deployment", "web", "r-1")
    await shows(site, "Deployment", "web", replicas=1, updatedReplicas=0, availableReplicas=1)
    await meanwhile(site)
    assert uids(await pods(site, "web")) == uids(old)
    await site.cluster.patch(site.ref(DEPLOYMENT, "web"), {"spec": {"paused": False}})
    await rolled_out(site, "Deployment", "web")
    assert not uids(await pods(site, "web")) & uids(old)


async def test_a_paused_deployment_still_scales(site: Site) -> None:
    await standing(site, 1)
    await site.cluster.patch(site.ref(DEPLOYMENT, "web"), {"spec": {"paused": True, "replicas": 2}})
    await rolled_out(site, "Deployment", "web")


# --- the progress deadline ---


async def test_a_rollout_that_is_done_says_so(site: Site) -> None:
    await standing(site, 1)
    await until_progressing(site, "True", "NewReplicaSetAvailable")


async def test_past_its_deadline_a_rollout_says_so_and_keeps_its_old_pods(site: Site) -> None:
    old = await standing(site, 2, progressDeadlineSeconds=1, strategy=rolling(1, 0))
    await restart_in_vain(site, "Deployment", "web")
    stuck = await until_progressing(site, "False", "ProgressDeadlineExceeded")
    assert stuck["status"]["observedGeneration"] == stuck["metadata"]["generation"]
    (condition,) = [one for one in stuck["status"]["conditions"] if one["type"] == "Progressing"]
    assert condition["message"].endswith("has timed out progressing.")
    assert uids(old) < uids(await pods(site, "web"))


async def test_past_its_deadline_a_rollout_still_goes_on_and_the_condition_recovers(site: Site) -> None:
    await standing(site, 1, progressDeadlineSeconds=1, strategy=rolling(1, 0))
    patch = {"spec": {"template": {"metadata": {"annotations": ready_after(4)}}}}
    await site.cluster.patch(site.ref(DEPLOYMENT, "web"), patch)
    await until_progressing(site, "False", "ProgressDeadlineExceeded")
    await rolled_out(site, "Deployment", "web")
    await until_progressing(site, "True", "NewReplicaSetAvailable")


async def test_past_its_deadline_taking_the_template_back_recovers_the_condition(site: Site) -> None:
    await standing(site, 1, progressDeadlineSeconds=1, strategy=rolling(1, 0))
    await restart_in_vain(site, "Deployment", "web")
    await until_progressing(site, "False", "ProgressDeadlineExceeded")
    back = await take_back(site)
    # What the patch gives back still tells of the generation before.
    assert progressing(back) == ("False", "ProgressDeadlineExceeded")
    assert back["status"]["observedGeneration"] == back["metadata"]["generation"] - 1
    await rolled_out(site, "Deployment", "web")
    await until_progressing(site, "True", "NewReplicaSetAvailable")


async def test_the_deadline_of_a_single_pod_is_still_told_for_the_generation_that_takes_the_template_back(site: Site) -> None:
    """For a moment: whoever waits must not take it for a failure of the new generation."""
    await standing(site, 1, progressDeadlineSeconds=1, strategy=rolling(1, 0))
    await restart_in_vain(site, "Deployment", "web")
    await until_progressing(site, "False", "ProgressDeadlineExceeded")
    async with recorded(site, DEPLOYMENT) as events:
        back = await take_back(site)
        await until_progressing(site, "True", "NewReplicaSetAvailable")
    generation = back["metadata"]["generation"]
    first = next(state for state in states(events, "web") if state["status"]["observedGeneration"] == generation)
    assert progressing(first) == ("False", "ProgressDeadlineExceeded")
    # All that is wanted is there already, and one that has to go.
    counts = [first["status"][field] for field in ("replicas", "updatedReplicas", "availableReplicas")]
    assert counts == [2, 1, 1]


# --- an earlier template again ---


async def take_back(site: Site) -> Manifest:
    patch = {"spec": {"template": {"metadata": {"annotations": dict.fromkeys(NEVER_READY)}}}}
    return await site.cluster.patch(site.ref(DEPLOYMENT, "web"), patch)


async def test_a_template_that_returns_takes_its_replica_set_again_with_a_new_revision(site: Site) -> None:
    await standing(site, 1)
    (first,) = await site.names(REPLICA_SET)
    await restart(site, "Deployment", "web", "r-1")
    await rolled_out(site, "Deployment", "web")
    assert len(await site.names(REPLICA_SET)) == 2
    await restart(site, "Deployment", "web", None)
    workload = await rolled_out(site, "Deployment", "web")
    assert len(await site.names(REPLICA_SET)) == 2
    replica_set = await site.cluster.get(site.ref(REPLICA_SET, first))
    assert replica_set["spec"]["replicas"] == 1
    assert replica_set["metadata"]["annotations"][REVISION] == workload["metadata"]["annotations"][REVISION] == "3"


async def test_taking_a_stuck_restart_back_keeps_the_old_pods(site: Site) -> None:
    old = await standing(site, 2, strategy=rolling(1, 0))
    await restart_in_vain(site, "Deployment", "web")
    await shows(site, "Deployment", "web", replicas=3, updatedReplicas=1)
    await take_back(site)
    await rolled_out(site, "Deployment", "web")
    assert uids(await pods(site, "web")) == uids(old)


async def test_pods_have_the_hash_of_their_replica_set(site: Site) -> None:
    (pod,) = (await standing(site, 1)).values()
    (name,) = await site.names(REPLICA_SET)
    assert name == f"web-{pod['metadata']['labels']['pod-template-hash']}"


async def test_replica_sets_beyond_the_history_limit_go(site: Site) -> None:
    await standing(site, 1, revisionHistoryLimit=0)
    (first,) = await site.names(REPLICA_SET)
    await restart(site, "Deployment", "web", "r-1")
    await rolled_out(site, "Deployment", "web")

    async def one_is_left() -> bool:
        return len(await site.names(REPLICA_SET)) == 1

    await site.until(one_is_left)
    assert await site.names(REPLICA_SET) != [first]


# --- scaling ---


async def test_scaling_in_the_middle_of_a_rollout_grows_old_and_new_in_proportion(site: Site) -> None:
    await standing(site, 4, strategy=rolling(1, 1))
    await restart_in_vain(site, "Deployment", "web")
    await shows(site, "Deployment", "web", replicas=5, updatedReplicas=2, availableReplicas=3)
    await site.cluster.patch(site.ref(DEPLOYMENT, "web"), {"spec": {"replicas": 8}})
    await shows(site, "Deployment", "web", replicas=9, updatedReplicas=4, availableReplicas=5)


async def test_scaling_alone_makes_no_new_revision_and_keeps_the_pods(site: Site) -> None:
    old = await standing(site, 1)
    await site.cluster.patch(site.ref(DEPLOYMENT, "web"), {"spec": {"replicas": 3}})
    await rolled_out(site, "Deployment", "web")
    assert uids(old) < uids(await pods(site, "web"))
    assert len(await site.names(REPLICA_SET)) == 1


async def test_scaled_to_none_it_has_no_pods_and_is_rolled_out(site: Site) -> None:
    await standing(site, 1)
    await site.cluster.patch(site.ref(DEPLOYMENT, "web"), {"spec": {"replicas": 0}})
    await rolled_out(site, "Deployment", "web")
    assert await pods(site, "web") == {}
