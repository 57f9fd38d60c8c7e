"""DaemonSets: where they run, and how many nodes a rollout may take at a time."""

from typing import Any

import pytest

from resail.errors import EvictionBlockedError
from resail.models.identity import Manifest
from tests.contract.nodes import NODE, added_node, node_ref
from tests.contract.site import POD, Site
from tests.contract.workloads import (
    NEVER_READY,
    daemon_set,
    meanwhile,
    pods,
    restart,
    restart_in_vain,
    rolled_out,
    shows,
    uids,
    workload_ref,
)


async def standing(site: Site, **spec: Any) -> dict[str, Manifest]:
    """A DaemonSet that stands; its pods."""
    await site.cluster.create(daemon_set(site, "agent", **spec))
    await rolled_out(site, "DaemonSet", "agent")
    return await pods(site, "agent")


def nodes_of(found: dict[str, Manifest]) -> list[str]:
    # One that was made this moment may have no node yet.
    return sorted(pod["spec"].get("nodeName", "") for pod in found.values())


def rolling(surge: int | str, unavailable: int | str) -> dict[str, Any]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


async def take_back(site: Site) -> None:
    patch = {"spec": {"template": {"metadata": {"annotations": dict.fromkeys(NEVER_READY)}}}}
    await site.cluster.patch(workload_ref(site, "DaemonSet", "agent"), patch)


# --- where ---


async def test_it_runs_once_on_each_node(site: Site) -> None:
    found = await standing(site)
    assert nodes_of(found) == sorted(one["metadata"]["name"] for one in await site.cluster.list_objects(NODE))


async def test_a_node_that_comes_gets_one(site: Site) -> None:
    before = await standing(site)
    async with added_node(site, "new") as name:

        async def is_there() -> bool:
            return name in nodes_of(await pods(site, "agent"))

        await site.until(is_there)
        await rolled_out(site, "DaemonSet", "agent")
        assert uids(before) < uids(await pods(site, "agent"))


async def test_it_runs_only_on_nodes_that_its_selector_names(site: Site) -> None:
    async with added_node(site, "a") as name:
        found = await standing(site, pod_spec={"nodeSelector": {"room": site.namespace}})
        assert nodes_of(found) == [name]


async def test_a_node_that_loses_the_label_loses_the_pod(site: Site) -> None:
    async with added_node(site, "a") as name:
        await standing(site, pod_spec={"nodeSelector": {"room": site.namespace}})
        await site.cluster.patch(node_ref(name), {"metadata": {"labels": {"room": None}}})

        async def is_gone() -> bool:
            return not await pods(site, "agent")

        await site.until(is_gone)
        await shows(site, "DaemonSet", "agent", desiredNumberScheduled=0, updatedNumberScheduled=0)


async def test_it_runs_on_nodes_that_are_cordoned(site: Site) -> None:
    async with added_node(site, "a", unschedulable=True) as name:
        found = await standing(site, pod_spec={"nodeSelector": {"room": site.namespace}})
        assert nodes_of(found) == [name]


# --- rollouts ---


@pytest.mark.parametrize(
    ("unavailable", "taken"),
    [
        pytest.param(1, 1, id="one"),
        pytest.param(2, 2, id="two"),
        pytest.param("34%", 2, id="percent-rounds-up"),
    ],
)
async def test_a_rollout_in_vain_stops_at_the_unavailable(site: Site, unavailable: int | str, taken: int) -> None:
    async with added_node(site, "a"), added_node(site, "b"), added_node(site, "c"):
        spec = {"nodeSelector": {"room": site.namespace}}
        await site.cluster.create(daemon_set(site, "agent", pod_spec=spec, updateStrategy=rolling(0, unavailable)))
        await shows(site, "DaemonSet", "agent", numberAvailable=3)
        before = await pods(site, "agent")
        await restart_in_vain(site, "DaemonSet", "agent")
        counts = {"desiredNumberScheduled": 3, "updatedNumberScheduled": taken, "numberAvailable": 3 - taken}
        await shows(site, "DaemonSet", "agent", **counts, numberUnavailable=taken)
        await meanwhile(site, "DaemonSet")
        await shows(site, "DaemonSet", "agent", **counts, numberUnavailable=taken)
        assert len(uids(before) & uids(await pods(site, "agent"))) == 3 - taken


async def test_with_surge_the_old_pod_stays_until_the_new_one_on_its_node_is_ready(site: Site) -> None:
    before = await standing(site, updateStrategy=rolling(1, 0))
    await restart_in_vain(site, "DaemonSet", "agent")

    async def one_more() -> bool:
        return len(await pods(site, "agent")) == len(before) + 1

    await site.until(one_more)
    await meanwhile(site, "DaemonSet")
    found = await pods(site, "agent")
    assert uids(before) < uids(found)
    assert len(found) == len(before) + 1
    await take_back(site)
    await rolled_out(site, "DaemonSet", "agent")

    async def as_before() -> bool:
        return uids(await pods(site, "agent")) == uids(before)

    await site.until(as_before)


async def test_taking_the_template_back_replaces_a_stuck_pod_and_keeps_the_others(site: Site) -> None:
    before = await standing(site, updateStrategy=rolling(0, 1))
    await restart_in_vain(site, "DaemonSet", "agent")
    await shows(site, "DaemonSet", "agent", updatedNumberScheduled=1, numberUnavailable=1)
    await take_back(site)
    await rolled_out(site, "DaemonSet", "agent")
    assert len(uids(before) - uids(await pods(site, "agent"))) == 1


async def test_on_delete_it_replaces_what_is_deleted_and_nothing_else(site: Site) -> None:
    before = await standing(site, updateStrategy={"type": "OnDelete"})
    await restart(site, "DaemonSet", "agent", "r-1")
    await shows(site, "DaemonSet", "agent", updatedNumberScheduled=0, numberAvailable=len(before))
    await meanwhile(site, "DaemonSet")
    assert uids(await pods(site, "agent")) == uids(before)
    await site.cluster.delete(site.ref(POD, min(before)))
    await shows(site, "DaemonSet", "agent", updatedNumberScheduled=1, numberAvailable=len(before))
    (new,) = [pod for name, pod in (await pods(site, "agent")).items() if name not in before]
    assert new["metadata"]["annotations"]["resail.dev/restart"] == "r-1"
    assert new["spec"]["nodeName"] == before[min(before)]["spec"]["nodeName"]


async def test_what_is_left_out_of_the_strategy_is_filled_in(site: Site) -> None:
    created = await site.cluster.create(daemon_set(site, "agent"))
    assert created["spec"]["updateStrategy"] == rolling(0, 1)


async def test_its_pods_are_under_budgets_too(site: Site) -> None:
    before = await standing(site)
    count = len(before)
    await site.cluster.create(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "agent", "namespace": site.namespace},
            "spec": {"selector": {"matchLabels": {"app": "agent"}}, "minAvailable": count},
        }
    )
    with pytest.raises(EvictionBlockedError):
        await site.cluster.evict(site.ref(POD, min(before)))
