"""The loop: whatever interrupts it, resuming ends as if nothing had, and nothing is done twice."""

import asyncio
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resail.engine.engine import Engine
from resail.errors import HaltedError, RolledBackError, StalePlanError
from resail.journal.fold import fold_run, fold_steps
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.models.finding import Finding
from resail.models.identity import IstioVersion
from resail.models.journal import CallIntent, CallOutcome, RunStarted, StepApproved
from resail.models.plan import Approve, Hop, LabelNamespace, LabelsAre, NoUndo, Plan, PlanFiles, RelabelNamespace, Step, Verify
from resail.models.release import Release
from resail.plan.file import plan_files
from tests.engine.doubles import Labels, NoFindings, NoReleases, StoppedClock

RUN = "r-1"
RELEASE = Release(IstioVersion(1, 27, 9), "/nowhere", "test", "sha256:2")
OLD = {f"n{number}": {"istio.io/rev": "old", "team": "t"} for number in range(4)}
NEW = {name: {"istio.io/rev": "new", "team": "t"} for name in OLD}


class KilledError(BaseException):
    """As SIGKILL: nothing after it runs, not even what catches exceptions."""


def a_plan(*, on_failure: Literal["halt", "rollback"] = "halt", approve: bool = False) -> PlanFiles:
    steps: list[Step] = [
        LabelNamespace(
            id=f"{number:02d}-label-namespace",
            title="",
            reason="",
            preconditions=(LabelsAre(name, {"istio.io/rev": "old"}),),
            undo=RelabelNamespace(name, {"istio.io/rev": "old"}),
            namespace=name,
            labels={"istio.io/rev": "new"},
        )
        for number, name in enumerate(OLD, 1)
    ]
    if approve:
        steps.insert(2, Approve(id="approve", title="", reason="", undo=NoUndo(""), question="sure?"))
    steps.append(Verify(id="verify", title="", reason="", undo=NoUndo("")))
    plan = Plan(
        from_version=IstioVersion(1, 26, 0),
        to_version=IstioVersion(1, 27, 9),
        strategy="canary",
        from_revision="old",
        to_revision="new",
        on_failure=on_failure,
        cluster_id="c",
        istio_namespace="istio-system",
        snapshot_digest="",
        hops=(Hop(IstioVersion(1, 26, 0), IstioVersion(1, 27, 9), "old", "new", True, ""),),
        steps=tuple(steps),
        untouched=(),
        findings=(),
        resail_version="0",
    )
    return plan_files(plan, {})


class Bench:
    """A run on a cluster of labels."""

    def __init__(self, path: Path, *findings: Finding) -> None:
        self.cluster = Labels(OLD)
        self.verifier = NoFindings(*findings)
        self._path = path
        self.journal.append(RUN, RunStarted("sha256:1", "plan.zip", "c"))

    @property
    def journal(self) -> SqliteJournal:
        """As a new process opens it."""
        return open_journal(self._path)

    def go(self, files: PlanFiles, *, undo: bool = False, die: tuple[int, str] | None = None) -> None:
        def observe(call: int, phase: str, verb: str, target: str) -> None:
            if (call, phase) == die:
                raise KilledError

        engine = Engine(
            self.cluster, self.cluster, NoReleases(), self.journal, StoppedClock(), self.verifier, observe if die else None
        )
        act = engine.rollback if undo else engine.apply
        asyncio.run(act(files, (RELEASE,), RUN))

    @property
    def state(self) -> str:
        return fold_run(self.journal.entries(RUN)).state


@settings(max_examples=60)
@given(deaths=st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["before", "after"])), max_size=5), undo=st.booleans())
def test_any_deaths_then_resume_ends_as_unbroken(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[tuple[int, str]], undo: bool
) -> None:
    bench = Bench(tmp_path_factory.mktemp("run") / "journal.db")
    files = a_plan()
    for death in deaths:
        if bench.state == "done":
            break
        try:
            bench.go(files, die=death)
        except KilledError:
            continue
    if bench.state != "done":
        bench.go(files)
    assert bench.cluster.labels == NEW
    # A write that took effect is seen, and not made again.
    assert sorted(bench.cluster.writes) == sorted(OLD)
    numbers = [entry.body.call for entry in bench.journal.entries(RUN) if isinstance(entry.body, CallIntent)]
    assert numbers == list(range(1, len(numbers) + 1)), "no number is used twice"
    ended = {entry.body.call for entry in bench.journal.entries(RUN) if isinstance(entry.body, CallOutcome)}
    assert ended <= set(numbers)
    if undo:
        bench.go(files, undo=True)
        assert bench.cluster.labels == OLD
        assert bench.state == "rolled-back"
        assert all(step.undone for name, step in fold_steps(bench.journal.entries(RUN)).items() if "label" in name)


@settings(max_examples=30)
@given(done=st.integers(1, 4), deaths=st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["before", "after"])), max_size=4))
def test_a_half_done_run_is_rolled_back_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, done: int, deaths: list[tuple[int, str]]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("run") / "journal.db")
    files = a_plan()
    with pytest.raises(KilledError):
        bench.go(files, die=(done, "after"))
    for death in deaths:
        try:
            bench.go(files, undo=True, die=death)
            break
        except KilledError:
            continue
    if bench.state != "rolled-back":
        bench.go(files, undo=True)
    assert bench.cluster.labels == OLD


def test_a_stale_plan_writes_nothing_and_names_all(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db")
    bench.cluster.labels["n1"]["istio.io/rev"] = "other"
    del bench.cluster.labels["n3"]
    with pytest.raises(StalePlanError, match=r"n1 has istio.io/rev=other.*n3 is gone"):
        bench.go(a_plan())
    assert bench.cluster.writes == []
    assert bench.state == "halted"


def test_a_failing_gate_halts_and_can_be_resumed(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db", Finding("bad", "blocker", "it is bad"))
    with pytest.raises(HaltedError, match="it is bad"):
        bench.go(a_plan())
    assert (bench.state, bench.cluster.labels) == ("halted", NEW)
    bench.verifier.findings = ()
    bench.go(a_plan())
    assert bench.state == "done"


def test_a_failing_gate_rolls_back_where_the_plan_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db", Finding("bad", "blocker", "it is bad"))
    with pytest.raises(RolledBackError):
        bench.go(a_plan(on_failure="rollback"))
    assert (bench.state, bench.cluster.labels) == ("rolled-back", OLD)


def test_a_warning_is_no_gate(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db", Finding("odd", "warning", "it is odd"))
    bench.go(a_plan())
    assert bench.state == "done"


def test_approval_pause_and_abort(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db")
    files = a_plan(approve=True)
    with pytest.raises(HaltedError) as asked:
        bench.go(files)
    assert "resail resume --approve approve" in asked.value.next_step
    assert bench.cluster.writes == ["n0", "n1"]

    bench.journal.append(RUN, StepApproved("approve"))
    bench.journal.request(RUN, "pause")
    with pytest.raises(HaltedError, match="paused"):
        bench.go(files)
    assert bench.cluster.writes == ["n0", "n1"]

    bench.journal.request(RUN, "abort")
    with pytest.raises(HaltedError, match="aborted"):
        bench.go(files)
    assert bench.state == "aborted"
    bench.go(files, undo=True)
    assert (bench.state, bench.cluster.labels) == ("rolled-back", OLD)


def test_each_hop_is_verified_before_the_next_begins(tmp_path: Path) -> None:
    one = a_plan()
    first, second, *_, verify = one.plan.steps
    (hop,) = one.plan.hops
    later = [
        msgspec.structs.replace(step, id=f"later-{step.id}", hop=1, preconditions=(), undo=NoUndo(""))
        for step in (second, verify)
    ]
    several = msgspec.structs.replace(one.plan, hops=(hop, hop), steps=(first, verify, *later))
    bench = Bench(tmp_path / "journal.db", Finding("bad", "blocker", "it is bad"))
    with pytest.raises(HaltedError, match="it is bad"):
        bench.go(plan_files(several, {}))
    assert (bench.cluster.writes, bench.verifier.hops) == (["n0"], [0])
    bench.verifier.findings = ()
    bench.go(plan_files(several, {}))
    assert (bench.cluster.writes, bench.verifier.hops) == (["n0", "n1"], [0, 0, 1])
