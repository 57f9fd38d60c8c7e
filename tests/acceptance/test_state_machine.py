"""Plan, apply, crash, resume, pause, abort and roll back in any order: the journal can be read, and explains the mesh."""

import contextlib
import itertools
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from resail.errors import HaltedError, LockedError, StalePlanError, UsageError
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.models.identity import Manifest, ObjectRef
from resail.models.journal import CallIntent, Run, StepIntent
from resail.models.plan import Approve
from resail.operations.apply import ApplyRequest, ResumeRequest, RollbackRequest, apply, resume, rollback
from resail.operations.cluster_choice import TWIN, ClusterChoice
from resail.operations.control import abort, pause
from resail.operations.execution import RunResult
from resail.operations.inspect import MeshChoice
from resail.operations.plan import PlanRequest, plan
from resail.operations.runs import RunChoice
from resail.operations.verify import VerifyRequest, verify
from resail.plan.file import read_plan
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.acceptance.crashes import KilledError, committing, leave_behind, settle
from tests.acceptance.explained import unexplained_parts
from tests.acceptance.small_mesh import TO, make_mesh, open_small_charts
from tests.acceptance.twin_world import at_rest, evicted_twice, pods_in, unexplained_calls, world_in
from tests.acceptance.world import differences
from tests.releases.releases_on_disk import unpack

VALIDATOR = ObjectRef(
    "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "istio-validator-1-27-9-istio-system"
)


class Interruption(msgspec.Struct, frozen=True):
    """What happens to a command after so many commits to the journal and the twin."""

    after: int
    by: Literal["kill", "pause", "abort"]


INTERRUPTIONS = st.none() | st.builds(Interruption, st.integers(1, 100), st.sampled_from(["kill", "kill", "pause", "abort"]))


class Made(msgspec.Struct, frozen=True):
    """A plan, and the mesh that it was made of."""

    path: Path
    before: list[Manifest]
    """All objects at its beginning."""


class Runs(RuleBasedStateMachine):
    """One mesh, and all that is done to it."""

    mesh: ClassVar[Path]
    releases: ClassVar[Path]
    places: ClassVar[Iterator[Path]]

    def __init__(self) -> None:
        super().__init__()
        self.place = next(self.places)
        self.directory = self.place / "0"
        self.directory.mkdir(parents=True)
        shutil.copy(self.mesh, self.directory / TWIN)
        self.made: list[Made] = []
        self.plans: dict[str, Made] = {}
        self.deaths = 0

    # --- what is done ---

    @initialize()
    def begin(self) -> None:
        self.plan(False)

    @precondition(lambda self: self.state in ("", "rolled-back"))
    @rule(approve=st.booleans())
    def plan(self, approve: bool) -> None:
        path = self.place / f"plan-{len(self.made)}.zip"
        mesh = MeshChoice(cluster=ClusterChoice(twin=self.directory / TWIN))
        wish = PlanRequest(mesh=mesh, target=TO, approve_restarts=approve, release_directories=(self.releases,), out=path)
        settle(plan(wish, lambda _: None, open_small_charts))
        self.made.append(Made(path, self.objects()))

    @precondition(lambda self: self.made)
    @rule(interruption=INTERRUPTIONS, latest=st.booleans())
    def apply(self, interruption: Interruption | None, latest: bool) -> None:
        made = self.made[-1 if latest else 0]
        unfinished = self.state in ("running", "halted", "rollback-failed")
        wish = ApplyRequest(plan=made.path, directory=self.directory, release_directories=(self.releases,))
        known = {one.id for one in self.runs}
        try:
            self.carry_out(apply(wish), interruption)
        except LockedError:
            assert unfinished
        else:
            assert not unfinished
        self.plans.update({one.id: made for one in self.runs if one.id not in known})

    @precondition(lambda self: self.state in ("running", "halted", "rollback-failed"))
    @rule(interruption=INTERRUPTIONS, approve=st.booleans())
    def resume(self, interruption: Interruption | None, approve: bool) -> None:
        waiting = [step.id for step in read_plan(Path(self.runs[-1].plan_file)).plan.steps if isinstance(step, Approve)]
        wish = ResumeRequest(
            directory=self.directory, release_directories=(self.releases,), approve=tuple(waiting if approve else ())
        )
        self.carry_out(resume(wish), interruption)

    @precondition(lambda self: self.begun is not None and self.begun.state != "rolled-back")
    @rule(interruption=INTERRUPTIONS)
    def rollback(self, interruption: Interruption | None) -> None:
        self.carry_out(rollback(RollbackRequest(directory=self.directory)), interruption)

    @precondition(lambda self: self.state in ("running", "halted"))
    @rule()
    def abort(self) -> None:
        settle(abort(RunChoice(directory=self.directory)))
        assert self.state == "aborted"

    # --- what holds ---

    @invariant()
    def the_journal_explains_the_mesh(self) -> None:
        last = self.begun
        if last is None:
            return
        made = self.plans[last.id]
        files, entries = read_plan(made.path), self.journal.entries(last.id)
        assert unexplained_calls(entries, files) == []
        assert evicted_twice(entries, files) == [] or last.state != "done"

        async def look() -> list[str]:
            async with open_twin(self.copy()) as twin:
                return await unexplained_parts(twin, files, entries)

        assert run(look()) == []
        if last.state == "rolled-back":
            objects = self.objects()
            assert differences(world_in(made.before), world_in(objects)) == []
            assert pods_in(made.before) == pods_in(objects)
        if last.state == "done":
            told = settle(verify(VerifyRequest(cluster=ClusterChoice(twin=self.copy()), plan=made.path)))
            assert told.findings == ()

    # --- inside ---

    @property
    def journal(self) -> SqliteJournal:
        return open_journal(self.directory / "journal.db")

    @property
    def runs(self) -> list[Run]:
        return self.journal.runs() if (self.directory / "journal.db").exists() else []

    @property
    def state(self) -> str:
        """Of the latest run; empty where there is none."""
        runs = self.runs
        return runs[-1].state if runs else ""

    @property
    def begun(self) -> Run | None:
        """The latest run that did something."""
        journal = self.journal
        begun = [one for one in self.runs if any(isinstance(entry.body, StepIntent) for entry in journal.entries(one.id))]
        return begun[-1] if begun else None

    def copy(self) -> Path:
        """The twin's file for who looks, so that its time does not go on by that."""
        looked_at = self.place / "looked-at"
        shutil.rmtree(looked_at, ignore_errors=True)
        return leave_behind(self.directory, looked_at) / TWIN

    def objects(self) -> list[Manifest]:
        return at_rest(self.copy())

    def carry_out(self, work: Coroutine[Any, Any, RunResult], interruption: Interruption | None) -> None:
        """Let a command run to its end, or to where it is interrupted."""
        if interruption is None:
            self.settled(work)
            return
        self.deaths += 1
        left = self.place / str(self.deaths)

        def seen(commit: int) -> None:
            if commit != interruption.after:
                return
            if interruption.by == "kill":
                leave_behind(self.directory, left)
                raise KilledError
            steer = pause if interruption.by == "pause" else abort
            beside(lambda: steer(RunChoice(directory=self.directory)))

        try:
            with committing(seen):
                self.settled(work)
        except KilledError:
            self.directory = left

    def settled(self, work: Coroutine[Any, Any, RunResult]) -> None:
        """A run is done or undone, or halted by a person; or it finds its plan stale before its first step."""
        try:
            result = settle(work)
        except StalePlanError:
            assert self.state == "aborted"
        else:
            assert result.error is None or isinstance(result.error, HaltedError), result.error


def beside(work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """As another process does it; it may come too early or too late."""

    def steer() -> None:
        with contextlib.suppress(UsageError):
            settle(work())

    thread = threading.Thread(target=steer)
    thread.start()
    thread.join()


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mesh") / TWIN
    make_mesh(path)
    return path


def machine_on(mesh_file: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> type[Runs]:
    """Each one of it has a copy of the mesh."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    unpack(place / "releases", TO)

    class Here(Runs):
        mesh = mesh_file
        releases = place / "releases"
        places = (place / f"machine-{number}" for number in itertools.count())

    return Here


def drive(machine: type[Runs], *, examples: int, steps: int) -> None:
    # To shrink a story takes minutes, and it is short enough to be read.
    phases = (Phase.reuse, Phase.generate)
    wished = settings(max_examples=examples, stateful_step_count=steps, phases=phases, deadline=None)
    run_state_machine_as_test(machine, settings=wished)


def test_whatever_is_done_in_whatever_order(mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive(machine_on(mesh, tmp_path, monkeypatch), examples=3, steps=5)


@pytest.mark.soak
def test_whatever_is_done_in_whatever_order_for_long(mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive(machine_on(mesh, tmp_path, monkeypatch), examples=200, steps=20)


@pytest.mark.parametrize(("verb", "commit"), [("helm upgrade", 8), ("helm install", 16)])
def test_half_an_action_of_helm_is_undone_whole(
    mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, commit: int
) -> None:
    """What was recorded of it is cleared away when the run is taken up; what it had changed or added goes back all the same."""
    machine = machine_on(mesh, tmp_path, monkeypatch)()
    machine.begin()
    machine.apply(Interruption(commit, "kill"), latest=True)
    last = machine.journal.entries(machine.runs[-1].id)[-1].body
    assert isinstance(last, CallIntent)
    assert last.verb == verb
    assert differences(world_in(machine.made[-1].before), world_in(machine.objects())) != []
    machine.rollback(None)
    assert machine.state == "rolled-back"
    machine.the_journal_explains_the_mesh()


def test_an_installation_that_was_cut_short_is_done_again_though_its_istiod_runs(
    mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """istiod turns its validator fail-closed, and from then on owns a field that the chart has too."""
    machine = machine_on(mesh, tmp_path, monkeypatch)()
    machine.begin()
    machine.apply(Interruption(20, "kill"), latest=True)
    last = machine.journal.entries(machine.runs[-1].id)[-1].body
    assert isinstance(last, CallIntent)
    assert last.verb == "helm install"

    async def fails_closed() -> bool:
        async with open_twin(machine.directory / TWIN) as twin:
            await twin.clock.sleep(60)
            (webhook,) = (await twin.get(VALIDATOR))["webhooks"]
            return bool(webhook["failurePolicy"] == "Fail")

    assert run(fails_closed())
    machine.resume(None, False)
    assert machine.state == "done"
    machine.the_journal_explains_the_mesh()
