"""An API that fails a tenth of the calls, and goes away in the middle: the upgrade completes, and nothing is done twice."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from resail.kube import connect
from resail.models.identity import KindRef, Manifest
from resail.plan.file import read_plan
from resail.testbed import audit
from resail.testbed.bed import Bed
from tests.acceptance.conftest import Resail, restore
from tests.acceptance.exemptions import ANOTHER_RUN
from tests.acceptance.faulty_proxy import FAULTS, hostile_api
from tests.acceptance.judge import restarted_twice, unexplained
from tests.acceptance.world import World, differences, kinds_of, world

pytestmark = pytest.mark.bed

SEED = int(os.environ.get("RESAIL_SEED") or time.time())
OUTAGE = 15.0  # seconds
POD = KindRef("v1", "Pod")

Calm = tuple[World, dict[str, list[str]]]
"""The end state of a canary that met no faults, and its Helm revisions."""

Tell = Callable[[str], None]


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Print past the capture: without its seed a run cannot be repeated."""
    reporter: Any = request.config.pluginmanager.get_plugin("terminalreporter")
    return lambda line: reporter.write_line(f"\n{line}")


@pytest.fixture(scope="module")
def calm(_foreign_saved: Bed, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    restore(_foreign_saved)
    resail = Resail(_foreign_saved, tmp_path_factory.mktemp("calm"))
    resail.make_plan("--max-parallel", "3")
    assert resail.apply()["state"] == "done"
    return world(_foreign_saved), revisions(_foreign_saved)


def revisions(bed: Bed) -> dict[str, list[str]]:
    """Release → the status of each of its revisions, from the first; past resail."""
    found: dict[str, dict[int, str]] = {}
    for secret in bed.api("GET", "/api/v1/secrets", params={"labelSelector": "owner=helm"}).json()["items"]:
        labels = secret["metadata"]["labels"]
        found.setdefault(labels["name"], {})[int(labels["version"])] = labels["status"]
    return {name: [history[number] for number in sorted(history)] for name, history in found.items()}


class Through(Resail):
    """``resail`` through a proxy."""

    def __init__(self, bed: Bed, directory: Path) -> None:
        super().__init__(bed, directory)
        self.kubeconfig = directory / "kubeconfig"

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "KUBECONFIG": str(self.kubeconfig)}


def upgrade(bed: Bed, directory: Path, seed: int, calm: Calm, tell: Tell) -> None:
    """A canary through the proxy, and the judges' word on it."""
    tell(f"RESAIL_SEED={seed}")
    restore(bed)
    begun = len(bed.audit())
    resail = Through(bed, directory)
    with hostile_api(bed, seed, resail.kubeconfig) as proxy, watching(resail.kubeconfig) as pods:
        resail.make_plan("--max-parallel", "3")
        assert resail.apply()["state"] == "done"
        deadline = time.monotonic() + 60
        while pods != {pod["metadata"]["name"] for pod in bed.api("GET", "/api/v1/pods").json()["items"]}:
            assert time.monotonic() < deadline, "the watch does not tell what is there"
            time.sleep(0.2)
    faults = proxy.faults
    tell(f"{len(proxy.calls)} calls, {faults.total()} of them went wrong: {dict(faults)}")
    assert set(faults) == set(FAULTS)
    by = {call.agent for call in proxy.calls if call.fault}
    assert "resail" in by and len(by) > 1, by

    end, history = calm
    assert differences(end, world(bed), also_exempt=ANOTHER_RUN) == []
    assert revisions(bed) == history, "one more for each release, and no other"
    judge(resail, begun)


def judge(resail: Resail, begun: int) -> None:
    """Nothing twice, and nothing that the plan does not show."""
    events = resail.bed.audit()[begun:]
    written = audit.writes(events, "resail")
    files = read_plan(resail.plan)
    assert restarted_twice(written, files) == []
    rolled = [name.rpartition("-")[0] for name in audit.rollouts(events) if name.startswith("bookshop/")]
    assert sorted(rolled) == ["bookshop/details", "bookshop/ratings", "bookshop/reviews"]
    assert unexplained(written, files, kinds_of(resail.bed)) == []


@contextmanager
def watching(kubeconfig: Path) -> Iterator[set[str]]:
    """The pods' names as a watch tells them, all the time of the context."""
    known: set[str] = set()
    over = threading.Event()

    async def follow() -> None:
        async with connect(kubeconfig) as cluster, aclosing(cluster.watch(POD)) as events:
            async for event in events:
                note(known, event.type, event.object)

    async def until_over() -> None:
        task = asyncio.ensure_future(follow())
        await asyncio.to_thread(over.wait)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()

    thread = threading.Thread(target=lambda: asyncio.run(until_over()))
    thread.start()
    try:
        yield known
    finally:
        over.set()
        thread.join()


def note(known: set[str], kind: str, pod: Manifest) -> None:
    if kind == "DELETED":
        known.discard(pod["metadata"]["name"])
    elif kind != "SYNCED":
        known.add(pod["metadata"]["name"])


def test_a_tenth_of_the_calls_goes_wrong(_foreign_saved: Bed, calm: Calm, tmp_path: Path, tell: Tell) -> None:
    upgrade(_foreign_saved, tmp_path, SEED, calm, tell)
