"""Where pods fit, and what a rollout does that has no room."""

from typing import Any

from resail.models.identity import Manifest
from tests.contract.nodes import added_node, node_ref
from tests.contract.site import POD, Site
from tests.contract.workloads import deployment, is_ready, meanwhile, pod, pods, restart, rolled_out, rolling, shows, uids


def asking(cpu: str) -> list[dict[str, Any]]:
    """Containers that request so much."""
    return [{"name": "app", "image": "example.org/app:1", "resources": {"requests": {"cpu": cpu}}}]


def in_room(site: Site, cpu: str = "1") -> dict[str, Any]:
    """The pod spec that fits on the test's own nodes alone."""
    return {"nodeSelector": {"room": site.namespace}, "containers": asking(cpu)}


async def get(site: Site, name: str) -> Manifest:
    return await site.cluster.get(site.ref(POD, name))


def scheduled(pod: Manifest) -> tuple[str, str]:
    """Status and reason of the condition."""
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition["type"] == "PodScheduled":
            return condition["status"], condition.get("reason", "")
    return "", ""


async def until_unschedulable(site: Site, name: str) -> Manifest:
    async def told() -> bool:
        return scheduled(await get(site, name)) == ("False", "Unschedulable")

    await site.until(told)
    return await get(site, name)


async def until_ready(site: Site, name: str) -> Manifest:
    async def done() -> bool:
        return is_ready(await get(site, name))

    await site.until(done)
    return await get(site, name)


async def test_a_pod_that_fits_nowhere_stays_pending_and_says_so(site: Site) -> None:
    await site.cluster.create(pod(site, "big", containers=asking("1000")))
    found = await until_unschedulable(site, "big")
    assert found["status"]["phase"] == "Pending"
    assert "nodeName" not in found["spec"]
    assert not is_ready(found)


async def test_a_pod_waits_for_a_node_that_its_selector_names(site: Site) -> None:
    await site.cluster.create(pod(site, "picky", **in_room(site)))
    await until_unschedulable(site, "picky")
    async with added_node(site, "a") as name:
        assert (await until_ready(site, "picky"))["spec"]["nodeName"] == name


async def test_requests_of_a_node_add_up_to_what_it_has(site: Site) -> None:
    async with added_node(site, "a", cpu="2"):
        await site.cluster.create(pod(site, "one", **in_room(site, "1500m")))
        await until_ready(site, "one")
        await site.cluster.create(pod(site, "two", **in_room(site, "501m")))
        await until_unschedulable(site, "two")
        await site.cluster.create(pod(site, "three", **in_room(site, "500m")))
        await until_ready(site, "three")
        assert scheduled(await get(site, "two"))[0] == "False"


async def test_a_node_takes_no_more_pods_than_it_says(site: Site) -> None:
    async with added_node(site, "a", pods="1"):
        await site.cluster.create(pod(site, "one", **in_room(site)))
        await until_ready(site, "one")
        await site.cluster.create(pod(site, "two", **in_room(site)))
        await until_unschedulable(site, "two")


async def test_a_pod_that_goes_makes_room(site: Site) -> None:
    async with added_node(site, "a", cpu="1"):
        await site.cluster.create(pod(site, "one", **in_room(site)))
        await until_ready(site, "one")
        await site.cluster.create(pod(site, "two", **in_room(site)))
        await until_unschedulable(site, "two")
        await meanwhile(site)
        await site.cluster.delete(site.ref(POD, "one"))
        await until_ready(site, "two")


async def test_limits_count_where_requests_are_left_out(site: Site) -> None:
    containers = [{"name": "app", "image": "example.org/app:1", "resources": {"limits": {"cpu": "1"}}}]
    created = await site.cluster.create(pod(site, "limited", containers=containers))
    assert created["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}


async def test_a_pod_needs_the_room_of_its_largest_init_container(site: Site) -> None:
    async with added_node(site, "a", cpu="2"):
        starters = [{**one, "name": "starter"} for one in asking("3")]
        await site.cluster.create(pod(site, "big", initContainers=starters, **in_room(site)))
        await until_unschedulable(site, "big")


async def test_a_cordoned_node_keeps_its_pods_and_gets_no_more(site: Site) -> None:
    async with added_node(site, "a") as name:
        await site.cluster.create(pod(site, "one", **in_room(site)))
        await until_ready(site, "one")
        await site.cluster.patch(node_ref(name), {"spec": {"unschedulable": True}})
        await site.cluster.create(pod(site, "two", **in_room(site)))
        await until_unschedulable(site, "two")
        assert is_ready(await get(site, "one"))
        await site.cluster.patch(node_ref(name), {"spec": {"unschedulable": None}})
        await until_ready(site, "two")


async def test_a_taint_keeps_pods_away_that_do_not_tolerate_it(site: Site) -> None:
    taint = {"key": "room", "value": "kept", "effect": "NoSchedule"}
    async with added_node(site, "a", taints=[taint]):
        await site.cluster.create(pod(site, "one", **in_room(site)))
        await until_unschedulable(site, "one")
        toleration = {"key": "room", "operator": "Equal", "value": "kept", "effect": "NoSchedule"}
        await site.cluster.create(pod(site, "two", tolerations=[toleration], **in_room(site)))
        await until_ready(site, "two")


async def test_a_rollout_whose_surge_finds_no_room_waits_and_goes_on_with_a_new_node(site: Site) -> None:
    async with added_node(site, "a", cpu="2"):
        await site.cluster.create(deployment(site, "web", 2, pod_spec=in_room(site), strategy=rolling(1, 0)))
        await rolled_out(site, "Deployment", "web")
        old = await pods(site, "web")
        await restart(site, "Deployment", "web", "r-1")
        await shows(site, "Deployment", "web", replicas=3, updatedReplicas=1, availableReplicas=2)
        (pending,) = (await pods(site, "web")).keys() - old.keys()
        await until_unschedulable(site, pending)
        await meanwhile(site)
        assert uids(old) < uids(await pods(site, "web"))
        async with added_node(site, "b", cpu="2"):
            await rolled_out(site, "Deployment", "web")


async def test_a_rollout_without_surge_needs_no_room(site: Site) -> None:
    async with added_node(site, "a", cpu="2"):
        await site.cluster.create(deployment(site, "web", 2, pod_spec=in_room(site), strategy=rolling(0, 1)))
        await rolled_out(site, "Deployment", "web")
        await restart(site, "Deployment", "web", "r-1")
        await rolled_out(site, "Deployment", "web")
