"""Jobs and CronJobs, as far as a mesh's owner meets them: whose pods they are, that they end, that they can be held."""

from typing import Any

import pytest

from resail.errors import ApiInvalidError
from resail.models.identity import KindRef, Manifest
from tests.contract.history import recorded
from tests.contract.site import POD, Site
from tests.contract.workloads import meanwhile

JOB = KindRef("batch/v1", "Job")
CRON_JOB = KindRef("batch/v1", "CronJob")
NEVER = "0 0 31 2 *"  # the thirty-first of February


def job_spec(**spec: Any) -> dict[str, Any]:
    containers = [{"name": "task", "image": "example.org/task:1"}]
    return {"template": {"spec": {"restartPolicy": "Never", "containers": containers}}, **spec}


def job(site: Site, name: str, **spec: Any) -> Manifest:
    metadata = {"name": name, "namespace": site.namespace}
    return {"apiVersion": JOB.api_version, "kind": JOB.kind, "metadata": metadata, "spec": job_spec(**spec)}


def cron_job(site: Site, name: str, **spec: Any) -> Manifest:
    metadata = {"name": name, "namespace": site.namespace}
    spec = {"schedule": NEVER, "jobTemplate": {"spec": job_spec()}, **spec}
    return {"apiVersion": CRON_JOB.api_version, "kind": CRON_JOB.kind, "metadata": metadata, "spec": spec}


async def complete(site: Site, name: str) -> Manifest:
    """Wait until the Job says so; give it back."""

    async def done() -> bool:
        found = await site.cluster.get(site.ref(JOB, name))
        conditions = found.get("status", {}).get("conditions", ())
        return any((one["type"], one["status"]) == ("Complete", "True") for one in conditions)

    await site.until(done)
    return await site.cluster.get(site.ref(JOB, name))


async def pods_of(site: Site, name: str) -> list[Manifest]:
    return await site.cluster.list_objects(POD, namespace=site.namespace, labels=f"batch.kubernetes.io/job-name={name}")


def controller_of(manifest: Manifest) -> tuple[str, str]:
    (owner,) = manifest["metadata"]["ownerReferences"]
    assert owner["controller"]
    return owner["kind"], owner["uid"]


async def test_a_job_is_complete_when_its_pod_has_ended_and_the_pod_stays(site: Site) -> None:
    created = await site.cluster.create(job(site, "task"))
    found = await complete(site, "task")
    assert found["status"]["succeeded"] == 1
    (pod,) = await pods_of(site, "task")
    assert pod["status"]["phase"] == "Succeeded"
    assert controller_of(pod) == ("Job", created["metadata"]["uid"])


async def test_a_job_of_many_runs_no_more_at_a_time_than_it_may(site: Site) -> None:
    async with recorded(site, POD) as events:
        await site.cluster.create(job(site, "task", completions=3, parallelism=2))
        found = await complete(site, "task")

        async def all_told() -> bool:
            return [event.type for event in events].count("ADDED") == 3

        await site.until(all_told)
    last_made = max(place for place, event in enumerate(events) if event.type == "ADDED")
    assert any(event.object["status"]["phase"] == "Succeeded" for event in events[:last_made])
    assert found["status"]["succeeded"] == 3
    assert len(await pods_of(site, "task")) == 3


async def test_a_suspended_job_runs_nothing_until_it_is_let_go(site: Site) -> None:
    await site.cluster.create(job(site, "task", suspend=True))
    await site.cluster.create(job(site, "other"))
    await complete(site, "other")
    assert await pods_of(site, "task") == []
    await site.cluster.patch(site.ref(JOB, "task"), {"spec": {"suspend": False}})
    await complete(site, "task")


async def test_a_deleted_job_takes_its_pods_along(site: Site) -> None:
    await site.cluster.create(job(site, "task"))
    await complete(site, "task")
    await site.cluster.delete(site.ref(JOB, "task"))

    async def all_gone() -> bool:
        return not await pods_of(site, "task")

    await site.until(all_gone)


async def test_the_pods_of_a_job_are_never_ready_again_after_their_end(site: Site) -> None:
    await site.cluster.create(job(site, "task"))
    await complete(site, "task")
    (pod,) = await pods_of(site, "task")
    assert [container["ready"] for container in pod["status"]["containerStatuses"]] == [False]


async def test_a_job_that_has_ended_stays_for_as_long_as_it_says(site: Site) -> None:
    await site.cluster.create(job(site, "long", ttlSecondsAfterFinished=600))
    await site.cluster.create(job(site, "short", ttlSecondsAfterFinished=1))
    await complete(site, "long")

    async def gone() -> bool:
        return "short" not in await site.names(JOB)

    await site.until(gone)
    assert await site.names(JOB) == ["long"]


async def test_what_a_cron_job_owns_goes_with_it_down_to_the_pods(site: Site) -> None:
    owner = await site.cluster.create(cron_job(site, "nightly"))
    once = job(site, "nightly-by-hand")
    once["metadata"]["ownerReferences"] = [
        {
            "apiVersion": CRON_JOB.api_version,
            "kind": CRON_JOB.kind,
            "name": "nightly",
            "uid": owner["metadata"]["uid"],
            "controller": True,
        }
    ]
    created = await site.cluster.create(once)
    assert controller_of(created) == ("CronJob", owner["metadata"]["uid"])
    await complete(site, "nightly-by-hand")
    (pod,) = await pods_of(site, "nightly-by-hand")
    assert controller_of(pod) == ("Job", created["metadata"]["uid"])
    await site.cluster.delete(site.ref(CRON_JOB, "nightly"))

    async def all_gone() -> bool:
        return not await site.names(JOB) and not await pods_of(site, "nightly-by-hand")

    await site.until(all_gone)


async def test_a_cron_job_whose_time_has_not_come_makes_nothing(site: Site) -> None:
    created = await site.cluster.create(cron_job(site, "nightly"))
    assert (created["spec"]["suspend"], created["spec"]["concurrencyPolicy"]) == (False, "Allow")
    await meanwhile(site)
    assert await site.names(JOB) == []


async def test_a_new_template_of_a_cron_job_leaves_the_jobs_that_it_made(site: Site) -> None:
    owner = await site.cluster.create(cron_job(site, "nightly"))
    once = job(site, "nightly-by-hand", suspend=True)
    reference = {"apiVersion": CRON_JOB.api_version, "kind": CRON_JOB.kind, "name": "nightly", "controller": True}
    once["metadata"]["ownerReferences"] = [{**reference, "uid": owner["metadata"]["uid"]}]
    before = await site.cluster.create(once)
    template = {"metadata": {"annotations": {"resail.dev/restart": "r-1"}}}
    await site.cluster.patch(site.ref(CRON_JOB, "nightly"), {"spec": {"jobTemplate": {"spec": {"template": template}}}})
    await meanwhile(site)
    after = await site.cluster.get(site.ref(JOB, "nightly-by-hand"))
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])


async def test_a_schedule_that_is_none_is_refused(site: Site) -> None:
    with pytest.raises(ApiInvalidError):
        await site.cluster.create(cron_job(site, "nightly", schedule="every night"))
