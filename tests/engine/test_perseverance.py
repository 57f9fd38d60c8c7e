"""An installer that fails for a reason that passes is tried again, from what the cluster shows; nothing else is."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from resail.engine.engine import Engine
from resail.errors import HaltedError, InstallerError, ResailError
from resail.installers.interface import ReleaseState
from resail.journal.sqlite import open_journal
from resail.models.encoding import manifest_digest
from resail.models.identity import IstioVersion, Manifest
from resail.models.journal import CallIntent, CallOutcome, Progress, RunStarted, StepOutcome
from resail.models.plan import HelmChange, Hop, MoveValidator, NoUndo, Plan, PlanFiles
from resail.models.release import Release
from resail.plan.file import plan_files
from tests.engine.doubles import Labels, NoFindings, NoReleases, StoppedClock

RUN = "r-1"
RELEASE = "istio-system/base"


def a_plan() -> PlanFiles:
    change = HelmChange("base", "istio-system", "base", "install", "", "1.27.9", {}, "base.json", ())
    step = MoveValidator(id="01-move-validator", title="", reason="", undo=NoUndo(""), change=change)
    hop = Hop(IstioVersion(1, 26, 0), IstioVersion(1, 27, 9), "old", "new", True, "")
    plan = Plan(
        from_version=hop.from_version,
        to_version=hop.to_version,
        strategy="canary",
        from_revision="old",
        to_revision="new",
        on_failure="halt",
        cluster_id="c",
        istio_namespace="istio-system",
        snapshot_digest="",
        hops=(hop,),
        steps=(step,),
        untouched=(),
        findings=(),
        resail_version="0",
    )
    return plan_files(plan, {"base.json": ()})


class Failing(NoReleases):
    """Fails so often, each time with a record that stays behind."""

    def __init__(self, fails: int, *, transient: bool, works_first: bool = False) -> None:
        self.fails = fails
        self.transient = transient
        self.works_first = works_first
        self.current: ReleaseState | None = None
        self.revisions = 0

    async def state(self, release: str) -> ReleaseState | None:
        return self.current

    async def apply(self, change: HelmChange, objects: Sequence[Manifest], charts: Path, *, run: str) -> ReleaseState:
        assert self.current is None, "what was left is cleared first"
        self.fails -= 1
        fails = self.fails >= 0
        self.revisions += 1
        status = "deployed" if self.works_first or not fails else "failed"
        self.current = ReleaseState(RELEASE, self.revisions, status, "1.27.9", manifest_digest(objects), run)
        if fails:
            raise InstallerError("the API said nothing", on=RELEASE, transient=self.transient)
        return self.current

    async def recover(self, release: str, *, run: str, unfinished: bool) -> bool:
        assert unfinished
        self.current, self.revisions = None, self.revisions - 1
        return True


async def outcome(installer: Failing, path: Path) -> tuple[ResailError | None, list[str], list[str]]:
    """The error, the calls in the order of their numbers, and what was told meanwhile."""
    journal = open_journal(path)
    journal.append(RUN, RunStarted("p", "p", "c"))
    cluster = Labels({})
    engine = Engine(cluster, cluster, installer, journal, StoppedClock(), NoFindings())
    error: ResailError | None = None
    try:
        await engine.apply(a_plan(), [Release(IstioVersion(1, 27, 9), "/nowhere", "test", "")], RUN)
    except HaltedError as halted:
        error = halted
    bodies = [entry.body for entry in journal.entries(RUN)]
    intents = [body for body in bodies if isinstance(body, CallIntent)]
    assert [body.call for body in intents] == list(range(1, len(intents) + 1))
    assert {body.call for body in bodies if isinstance(body, CallOutcome)} == {body.call for body in intents}
    assert sum(isinstance(body, StepOutcome) for body in bodies) == 1
    return error, [body.verb for body in intents], [body.message for body in bodies if isinstance(body, Progress)]


@pytest.mark.parametrize("fails", [1, 3, 5])
async def test_it_is_done_again_after_what_was_left_is_cleared(tmp_path: Path, fails: int) -> None:
    installer = Failing(fails, transient=True)
    error, calls, told = await outcome(installer, tmp_path / "journal.db")
    assert error is None
    assert calls == ["helm install", *["helm recover", "helm install"] * fails]
    assert len(told) == fails
    assert all("the API said nothing" in message for message in told)
    assert installer.revisions == 1, "no revision is wasted"


async def test_what_had_its_effect_is_not_done_again(tmp_path: Path) -> None:
    installer = Failing(1, transient=True, works_first=True)
    error, calls, _ = await outcome(installer, tmp_path / "journal.db")
    assert error is None
    assert calls == ["helm install"]


async def test_there_is_an_end_to_it(tmp_path: Path) -> None:
    error, calls, told = await outcome(Failing(99, transient=True), tmp_path / "journal.db")
    assert "the API said nothing" in str(error)
    assert calls.count("helm install") == 6
    assert len(told) == 5


async def test_a_failure_for_good_is_one_at_once(tmp_path: Path) -> None:
    error, calls, told = await outcome(Failing(1, transient=False), tmp_path / "journal.db")
    assert error is not None
    assert (calls, told) == (["helm install"], [])
