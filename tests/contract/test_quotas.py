"""ResourceQuotas: what they refuse, and what a workload does that meets one."""

from typing import Any

import pytest

from resail.errors import ForbiddenError
from resail.models.identity import KindRef, Manifest
from tests.contract.site import DEPLOYMENT, POD, Site, config_map
from tests.contract.test_jobs import complete, job
from tests.contract.workloads import deployment, pod, pods, restart, rolled_out, rolling, shows, uids

QUOTA = KindRef("v1", "ResourceQuota")


async def limited(site: Site, **hard: str) -> None:
    """A quota, as its controller knows it."""
    manifest: Manifest = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "limited", "namespace": site.namespace},
        "spec": {"hard": {name.replace("_", "."): value for name, value in hard.items()}},
    }
    await site.cluster.create(manifest)
    await counted(site)


async def counted(site: Site, **used: str) -> None:
    """Wait until the quota is known as it is, and so much of it is used."""

    async def done() -> bool:
        found = await site.cluster.get(site.ref(QUOTA, "limited"))
        status = found.get("status", {})
        return bool(status.get("hard") == found["spec"]["hard"] and used.items() <= status.get("used", {}).items())

    await site.until(done)


def refused(workload: Manifest) -> list[tuple[str, str]]:
    """Status and reason of the condition that says that pods cannot be made."""
    conditions: list[dict[str, Any]] = workload["status"].get("conditions", [])
    return [(one["status"], one["reason"]) for one in conditions if one["type"] == "ReplicaFailure"]


async def test_a_pod_too_many_is_refused_also_as_a_dry_run(site: Site) -> None:
    await limited(site, pods="1")
    await site.cluster.create(pod(site, "one"))
    for dry_run in (True, False):
        with pytest.raises(ForbiddenError, match="exceeded quota: limited") as caught:
            await site.cluster.create(pod(site, "two"), dry_run=dry_run)
        assert caught.value.status == 403
    assert await site.names(POD) == ["one"]


async def test_a_dry_run_uses_nothing_up(site: Site) -> None:
    await limited(site, pods="1")
    await site.cluster.create(pod(site, "one"), dry_run=True)
    await site.cluster.create(pod(site, "one"))


async def test_a_pod_that_goes_gives_its_part_back(site: Site) -> None:
    await limited(site, pods="1")
    await site.cluster.create(pod(site, "one"))
    await counted(site, pods="1")
    await site.cluster.delete(site.ref(POD, "one"))
    await counted(site, pods="0")
    await site.cluster.create(pod(site, "two"))


async def test_a_pod_that_has_ended_uses_nothing(site: Site) -> None:
    await limited(site, pods="1")
    await site.cluster.create(job(site, "task"))
    await complete(site, "task")
    await counted(site, pods="0")
    await site.cluster.create(pod(site, "one"))


async def test_requests_are_added_up(site: Site) -> None:
    def asking(name: str, cpu: str) -> Manifest:
        resources = {"requests": {"cpu": cpu}}
        return pod(site, name, containers=[{"name": "app", "image": "example.org/app:1", "resources": resources}])

    await limited(site, requests_cpu="1")
    await site.cluster.create(asking("one", "600m"))
    with pytest.raises(ForbiddenError, match="exceeded quota: limited"):
        await site.cluster.create(asking("two", "500m"))
    await site.cluster.create(asking("two", "400m"))


async def test_where_requests_are_limited_a_pod_must_name_them(site: Site) -> None:
    await limited(site, requests_cpu="1")
    with pytest.raises(ForbiddenError, match=r"must specify requests\.cpu"):
        await site.cluster.create(pod(site, "one"))


async def test_other_kinds_are_left_alone(site: Site) -> None:
    await limited(site, pods="0")
    await site.cluster.create(config_map(site, "a"))


async def test_a_rollout_that_meets_a_quota_waits_says_so_and_goes_on_when_there_is_more(site: Site) -> None:
    await limited(site, pods="2")
    await site.cluster.create(deployment(site, "web", 2, strategy=rolling(1, 0)))
    await rolled_out(site, "Deployment", "web")
    old = await pods(site, "web")
    await restart(site, "Deployment", "web", "r-1")

    async def told() -> bool:
        return refused(await site.cluster.get(site.ref(DEPLOYMENT, "web"))) == [("True", "FailedCreate")]

    await site.until(told)
    await shows(site, "Deployment", "web", replicas=2, updatedReplicas=0, availableReplicas=2)
    assert uids(await pods(site, "web")) == uids(old)
    await site.cluster.patch(site.ref(QUOTA, "limited"), {"spec": {"hard": {"pods": "3"}}})
    await rolled_out(site, "Deployment", "web")

    async def no_longer() -> bool:
        return refused(await site.cluster.get(site.ref(DEPLOYMENT, "web"))) == []

    await site.until(no_longer)


async def test_a_rollout_without_surge_goes_on_under_a_full_quota(site: Site) -> None:
    await limited(site, pods="2")
    await site.cluster.create(deployment(site, "web", 2, strategy=rolling(0, 1)))
    await rolled_out(site, "Deployment", "web")
    await restart(site, "Deployment", "web", "r-1")
    await rolled_out(site, "Deployment", "web")
