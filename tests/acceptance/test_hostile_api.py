"""An API that fails a tenth of the calls, and goes away in the middle: the upgrade completes, and nothing is done twice."""

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest

from resail.journal.sqlite import open_journal
from resail.kube import connect
from resail.models.identity import KindRef
from resail.models.journal import CallIntent
from resail.models.plan import HelmChange
from resail.plan.file import read_plan
from resail.testbed import audit
from resail.testbed.bed import Bed
from tests.acceptance.conftest import Resail, Unbroken, restore
from tests.acceptance.exemptions import ANOTHER_RUN
from tests.acceptance.faulty_proxy import FAULTS, FaultyProxy, hostile_api
from tests.acceptance.judge import restarted_twice, unexplained
from tests.acceptance.world import differences, kinds_of, world

pytestmark = pytest.mark.bed

SEED = int(os.environ.get("RESAIL_SEED") or time.time())
OUTAGE = 15.0  # seconds
LEASE = 240
"""Seconds. The outage is to be outlived on a slow machine, too; ``test_many_hands`` has what becomes of a lease that is lost."""
CALLS = 8
"""The upgrade makes more writes than that; the API server goes away at one of them."""
POD = KindRef("v1", "Pod")


class Hostile(Resail):
    """``resail`` through a proxy that fails a tenth of the calls."""

    def __init__(self, bed: Bed, directory: Path) -> None:
        super().__init__(bed, directory)
        self.kubeconfig = directory / "kubeconfig"

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "KUBECONFIG": str(self.kubeconfig), "RESAIL_LEASE_SECONDS": str(LEASE)}

    def apply_through_an_outage(self, call: int) -> None:
        """The API server is stopped once the run makes its write of that number."""
        command = self.command("apply", self.plan, "--dir", self.state, "-o", "json")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment) as run:
            while self.calls_made() < call and run.poll() is None:
                time.sleep(0.05)
            with self.bed.without_api_server():
                time.sleep(OUTAGE)
            _, told = run.communicate(timeout=300)
        assert run.returncode == 0, told[-3000:]

    def calls_made(self) -> int:
        path = self.state / "journal.db"
        if not path.exists() or not (runs := open_journal(path).runs()):
            return 0
        return sum(isinstance(entry.body, CallIntent) for entry in open_journal(path).entries(runs[-1].id))

    def revisions(self) -> dict[str, list[str]]:
        """``namespace/release`` → the status of each of its revisions, the first one first; by the API server's word."""
        found: dict[str, dict[int, str]] = {}
        for secret in self.bed.api("GET", "/api/v1/secrets", params={"labelSelector": "owner=helm"}).json()["items"]:
            metadata = secret["metadata"]
            history = found.setdefault(f"{metadata['namespace']}/{metadata['labels']['name']}", {})
            history[int(metadata["labels"]["version"])] = metadata["labels"]["status"]
        assert all(sorted(history) == list(range(1, len(history) + 1)) for history in found.values()), found
        return {name: [history[number] for number in sorted(history)] for name, history in found.items()}

    def releases_changed(self) -> Counter[str]:
        """How often the plan changes each release."""
        changes = [getattr(step, "change", None) for step in read_plan(self.plan).plan.steps]
        return Counter(f"{one.namespace}/{one.release}" for one in changes if isinstance(one, HelmChange))


def one_more_for_each_change(before: dict[str, list[str]], changed: Counter[str]) -> dict[str, list[str]]:
    counts = Counter({name: len(history) for name, history in before.items()}) + changed
    return {name: ["superseded"] * (count - 1) + ["deployed"] for name, count in counts.items()}


def rolled_out(events: list[audit.Event]) -> Counter[str]:
    """How often the pod template of each of the bookshop's workloads changed."""
    names = (name.rpartition("-")[0] for name in audit.rollouts(events))
    return Counter(name for name in names if name.startswith("bookshop/"))


RESTARTED = Counter(["bookshop/details", "bookshop/ratings", "bookshop/reviews"])


@contextmanager
def watching(resail: Hostile) -> Iterator[None]:
    """A watch of all pods, which by the end of the context has told what is there."""
    known: set[str] = set()
    over = threading.Event()

    async def follow() -> None:
        async with connect(resail.kubeconfig) as cluster, aclosing(cluster.watch(POD)) as events:
            async for event in events:
                if event.type == "DELETED":
                    known.discard(event.object["metadata"]["name"])
                elif event.type != "SYNCED":
                    known.add(event.object["metadata"]["name"])

    async def until_over() -> None:
        task = asyncio.ensure_future(follow())
        await asyncio.to_thread(over.wait)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()

    thread = threading.Thread(target=lambda: asyncio.run(until_over()))
    thread.start()
    try:
        yield
        deadline = time.monotonic() + 60
        while known != {pod["metadata"]["name"] for pod in resail.bed.api("GET", "/api/v1/pods").json()["items"]}:
            assert time.monotonic() < deadline, "the watch does not tell what is there"
            time.sleep(0.2)
    finally:
        over.set()
        thread.join()


def tell(capsys: pytest.CaptureFixture[str], line: str) -> None:
    """Past the capture: without its seed a run cannot be repeated."""
    with capsys.disabled():
        sys.stdout.write(f"\n{line}\n")


def figures(proxy: FaultyProxy) -> str:
    return f"{len(proxy.calls)} calls, {proxy.faults.total()} of them went wrong: {dict(sorted(proxy.faults.items()))}"


def test_a_tenth_of_the_calls_goes_wrong_and_the_api_goes_away(
    _foreign_saved: Bed, unbroken: Unbroken, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = random.Random(SEED).randrange(1, CALLS + 1)
    tell(capsys, f"RESAIL_SEED={SEED}: the API server goes away at call {call}")
    restore(_foreign_saved)
    begun = len(_foreign_saved.audit())
    resail = Hostile(_foreign_saved, tmp_path)
    before = resail.revisions()

    with hostile_api(_foreign_saved, SEED, resail.kubeconfig) as proxy, watching(resail):
        resail.make_plan("--max-parallel", "3")
        resail.apply_through_an_outage(call)

    tell(capsys, figures(proxy))
    assert set(proxy.faults) == set(FAULTS)
    by = {met.agent for met in proxy.calls if met.fault}
    assert "resail" in by and len(by) > 1, f"Helm has a name of its own: {by}"
    assert differences(unbroken.end, world(_foreign_saved), also_exempt=ANOTHER_RUN) == []
    assert resail.revisions() == one_more_for_each_change(before, resail.releases_changed())
    events = _foreign_saved.audit()[begun:]
    written, files = audit.writes(events, "resail"), read_plan(resail.plan)
    assert rolled_out(events) == RESTARTED
    assert restarted_twice(written, files) == []
    assert unexplained(written, files, kinds_of(_foreign_saved)) == []


@pytest.mark.soak
@pytest.mark.parametrize("strategy", ["canary", "in-place"])
@pytest.mark.parametrize("number", range(3))
def test_up_and_back_through_a_hostile_api(
    _foreign_saved: Bed, tmp_path: Path, capsys: pytest.CaptureFixture[str], strategy: str, number: int
) -> None:
    seed = SEED + number
    tell(capsys, f"RESAIL_SEED={seed}")
    restore(_foreign_saved)
    resail = Hostile(_foreign_saved, tmp_path)
    before, revisions, begun = world(_foreign_saved), resail.revisions(), len(_foreign_saved.audit())

    with hostile_api(_foreign_saved, seed, resail.kubeconfig) as proxy, watching(resail):
        resail.make_plan("--strategy", strategy)
        assert resail.apply()["state"] == "done"
        changed = resail.releases_changed()
        assert resail.revisions() == one_more_for_each_change(revisions, changed)
        assert resail.rollback()["state"] == "rolled-back"

    tell(capsys, figures(proxy))
    assert differences(before, world(_foreign_saved)) == []
    kept = Counter({name: count for name, count in changed.items() if name in revisions})
    assert resail.revisions() == one_more_for_each_change(revisions, kept + kept)
    events = _foreign_saved.audit()[begun:]
    assert rolled_out(events) == RESTARTED
    assert unexplained(audit.writes(events, "resail"), read_plan(resail.plan), kinds_of(_foreign_saved), undone=True) == []
