"""CronJobs in simulated time: on a real cluster the shortest schedule is a minute."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from resail.models.identity import KindRef, Manifest
from resail.twin.cluster import TwinCluster, open_twin
from tests.twin.worlds import set_up

JOB = KindRef("batch/v1", "Job")
MINUTE = 60.0  # seconds


def cron_job(pod_spec: dict[str, Any] | None = None, **spec: Any) -> Manifest:
    """Each minute."""
    containers = [{"name": "task", "image": "example.org/task:1"}]
    pod = {"restartPolicy": "Never", "containers": containers, **(pod_spec or {})}
    job = {"spec": {"template": {"spec": pod}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "tick", "namespace": "shop"},
        "spec": {"schedule": "* * * * *", "jobTemplate": job, **spec},
    }


NOWHERE = {"nodeSelector": {"there": "none"}}
"""Its pods never run, so that its Jobs never end."""


@pytest_asyncio.fixture
async def twin() -> AsyncIterator[TwinCluster]:
    async with open_twin() as one:
        await set_up(one)
        yield one


async def jobs(twin: TwinCluster) -> list[str]:
    return sorted(job["metadata"]["name"] for job in await twin.list_objects(JOB, namespace="shop"))


async def test_there_is_a_job_for_each_minute_and_the_last_ones_stay(twin: TwinCluster) -> None:
    await twin.create(cron_job(successfulJobsHistoryLimit=2))
    await twin.clock.sleep(2 * MINUTE)
    before = await jobs(twin)
    assert len(before) == 2
    await twin.clock.sleep(MINUTE)
    after = await jobs(twin)
    assert len(after) == 2
    assert after[0] == before[1]


async def test_a_suspended_one_makes_none(twin: TwinCluster) -> None:
    await twin.create(cron_job(suspend=True))
    await twin.clock.sleep(3 * MINUTE)
    assert await jobs(twin) == []


@pytest.mark.parametrize(("policy", "count"), [("Allow", 3), ("Forbid", 1), ("Replace", 1)])
async def test_what_happens_while_the_job_before_still_runs(twin: TwinCluster, policy: str, count: int) -> None:
    await twin.create(cron_job(NOWHERE, concurrencyPolicy=policy))
    await twin.clock.sleep(MINUTE)
    (first,) = await jobs(twin)
    await twin.clock.sleep(2 * MINUTE)
    assert len(await jobs(twin)) == count
    assert (first in await jobs(twin)) == (policy != "Replace")
