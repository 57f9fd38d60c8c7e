"""What a PodDisruptionBudget counts, and what of pods that are not healthy."""

from typing import Any

import pytest

from resail.errors import EvictionBlockedError
from resail.models.identity import Manifest
from tests.contract.site import POD, Site
from tests.contract.test_eviction import BUDGET, budget
from tests.contract.workloads import (
    deployment,
    is_ready,
    meanwhile,
    pod,
    pods,
    restart_in_vain,
    rolled_out,
    rolling,
    shows,
    workload_ref,
)


def counts_of(manifest: Manifest) -> tuple[int, int, int, int]:
    """Healthy, wanted healthy, allowed to go, expected."""
    status: dict[str, int] = manifest.get("status", {})
    return (
        status.get("currentHealthy", -1),
        status.get("desiredHealthy", -1),
        status.get("disruptionsAllowed", -1),
        status.get("expectedPods", -1),
    )


async def until_counts(site: Site, *wanted: int) -> Manifest:
    ref = site.ref(BUDGET, "web")

    async def done() -> bool:
        found = await site.cluster.get(ref)
        observed = found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"]
        return bool(observed and counts_of(found) == wanted)

    await site.until(done)
    return await site.cluster.get(ref)


def allowed(manifest: Manifest) -> tuple[str, str]:
    (condition,) = [one for one in manifest["status"]["conditions"] if one["type"] == "DisruptionAllowed"]
    return condition["status"], condition["reason"]


async def one_in_vain(site: Site) -> str:
    """Two pods of a Deployment are ready and a third one, whose name this is, never gets so."""
    await site.cluster.create(deployment(site, "web", 2, strategy=rolling(1, 0)))
    await rolled_out(site, "Deployment", "web")
    await restart_in_vain(site, "Deployment", "web")
    await shows(site, "Deployment", "web", replicas=3, readyReplicas=2)

    async def has_an_address() -> bool:
        (found,) = [one for one in (await pods(site, "web")).values() if not is_ready(one)]
        return bool(found["status"].get("phase") == "Running")

    await site.until(has_an_address)
    (name,) = [name for name, one in (await pods(site, "web")).items() if not is_ready(one)]
    return name


# --- counting ---


@pytest.mark.parametrize(
    ("spec", "desired", "allowed_to_go"),
    [
        pytest.param({"minAvailable": 2}, 2, 1, id="min"),
        pytest.param({"minAvailable": "50%"}, 2, 1, id="min-percent-rounds-up"),
        pytest.param({"maxUnavailable": 1}, 2, 1, id="max"),
        pytest.param({"maxUnavailable": "34%"}, 1, 2, id="max-percent-rounds-up-too"),
        pytest.param({"maxUnavailable": "0%"}, 3, 0, id="none"),
        pytest.param({"minAvailable": 5}, 5, 0, id="more-than-there-are"),
        pytest.param({"maxUnavailable": 5}, 0, 3, id="all"),
    ],
)
async def test_a_budget_tells_what_it_wants_and_what_it_allows(
    site: Site, spec: dict[str, Any], desired: int, allowed_to_go: int
) -> None:
    await site.cluster.create(deployment(site, "web", 3))
    await rolled_out(site, "Deployment", "web")
    await site.cluster.create(budget(site, "web", **spec))
    found = await until_counts(site, 3, desired, allowed_to_go, 3)
    assert allowed(found) == (("True", "SufficientPods") if allowed_to_go else ("False", "InsufficientPods"))


async def test_a_pod_that_is_not_ready_is_expected_but_not_healthy(site: Site) -> None:
    await one_in_vain(site)
    await site.cluster.create(budget(site, "web", minAvailable=1))
    await until_counts(site, 2, 1, 1, 3)


async def test_percent_and_the_most_unavailable_are_of_what_the_workload_wants_and_not_of_the_pods_there(site: Site) -> None:
    await one_in_vain(site)
    await site.cluster.create(budget(site, "web", maxUnavailable="50%"))
    await until_counts(site, 2, 1, 1, 2)


async def test_a_budget_follows_the_scale_of_its_workload(site: Site) -> None:
    await site.cluster.create(deployment(site, "web", 2))
    await site.cluster.create(budget(site, "web", maxUnavailable=1))
    await until_counts(site, 2, 1, 1, 2)
    await site.cluster.patch(workload_ref(site, "Deployment", "web"), {"spec": {"replicas": 4}})
    await until_counts(site, 4, 3, 1, 4)


async def test_its_condition_tells_since_when_it_says_the_same(site: Site) -> None:
    def since(manifest: Manifest) -> str:
        (condition,) = manifest["status"]["conditions"]
        return str(condition["lastTransitionTime"])

    await site.cluster.create(deployment(site, "web", 2))
    await site.cluster.create(budget(site, "web", minAvailable=1))
    before = await until_counts(site, 2, 1, 1, 2)
    # It is told in whole seconds.
    await site.clock.sleep(1.5)
    await site.cluster.patch(workload_ref(site, "Deployment", "web"), {"spec": {"replicas": 3}})
    after = await until_counts(site, 3, 1, 2, 3)
    assert since(after) == since(before)


async def test_an_empty_selector_is_of_all_pods_in_the_namespace(site: Site) -> None:
    await meanwhile(site)
    await site.cluster.create(budget(site, "web", minAvailable=1) | {"spec": {"minAvailable": 1, "selector": {}}})
    await until_counts(site, 1, 1, 0, 1)


async def test_the_most_unavailable_allows_nothing_where_a_pod_belongs_to_no_workload(site: Site) -> None:
    """Such pods are not expected, and where none is, none may go."""
    await site.cluster.create(pod(site, "alone", {"app": "web"}))
    await site.cluster.create(budget(site, "web", maxUnavailable=1))
    await until_counts(site, 1, 0, 0, 0)
    with pytest.raises(EvictionBlockedError):
        await site.cluster.evict(site.ref(POD, "alone"))


# --- pods that are not healthy ---


async def test_a_pod_that_is_not_ready_may_go_while_the_others_are_enough(site: Site) -> None:
    """Though the budget allows none of the ready ones to."""
    name = await one_in_vain(site)
    await site.cluster.create(budget(site, "web", minAvailable=2))
    await until_counts(site, 2, 2, 0, 3)
    await site.cluster.evict(site.ref(POD, name))
    assert name not in await pods(site, "web")


async def test_a_pod_that_is_not_ready_must_stay_while_the_others_are_too_few(site: Site) -> None:
    name = await one_in_vain(site)
    await site.cluster.create(budget(site, "web", minAvailable=3))
    await until_counts(site, 2, 3, 0, 3)
    with pytest.raises(EvictionBlockedError):
        await site.cluster.evict(site.ref(POD, name))


async def test_a_pod_that_is_not_ready_may_always_go_where_the_budget_says_so(site: Site) -> None:
    name = await one_in_vain(site)
    await site.cluster.create(budget(site, "web", minAvailable=3, unhealthyPodEvictionPolicy="AlwaysAllow"))
    await until_counts(site, 2, 3, 0, 3)
    await site.cluster.evict(site.ref(POD, name))
    assert name not in await pods(site, "web")


async def test_a_ready_pod_must_stay_also_where_the_budget_lets_unhealthy_ones_go(site: Site) -> None:
    await site.cluster.create(deployment(site, "web", 1))
    await rolled_out(site, "Deployment", "web")
    await site.cluster.create(budget(site, "web", minAvailable=1, unhealthyPodEvictionPolicy="AlwaysAllow"))
    await until_counts(site, 1, 1, 0, 1)
    (name,) = await pods(site, "web")
    with pytest.raises(EvictionBlockedError):
        await site.cluster.evict(site.ref(POD, name))


async def test_a_pending_pod_goes_whatever_budgets_say(site: Site) -> None:
    await site.cluster.create(pod(site, "waits", {"app": "web"}, nodeSelector={"no": "where"}))
    await site.cluster.create(budget(site, "web", minAvailable=1))
    await until_counts(site, 0, 1, 0, 1)
    await site.cluster.evict(site.ref(POD, "waits"))
    assert await pods(site, "web") == {}
