"""``resail apply``, ``resume`` and ``rollback``: wire an engine, and let it run a plan."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec

from resail.engine.engine import CallObserver, Engine
from resail.errors import ForbiddenError, LockedError, ResailError, StalePlanError, UsageError
from resail.journal.copy import JournalCopy
from resail.journal.fold import fold_steps
from resail.journal.sqlite import SqliteJournal
from resail.models.journal import Direction, Entry, Run, RunFinished, RunHalted, RunResumed, RunStarted, StepApproved, StepIntent
from resail.models.plan import Approve, PlanFiles
from resail.models.release import Release
from resail.operations.access import refuse_missing_rights
from resail.operations.blockers import refuse_blockers
from resail.operations.cluster_choice import ClusterChoice, Connection, connect_to
from resail.operations.conditions import refuse_conditions
from resail.operations.execution import RunResult, RunWatcher, SilentWatcher, carry_out
from resail.operations.outcome import count_pods, measure_pods, read_record, write_record
from resail.operations.own_backups import OwnBackups
from resail.operations.planned_releases import planned_istioctls, planned_releases
from resail.operations.rehearsals import require_rehearsal
from resail.operations.runs import USUAL_NAMESPACE, new_run_id, refuse_unfinished, state_directory
from resail.operations.turn import Turn, namespace_of, refuse_nothing, taking_turn
from resail.operations.undoable import has_begun, run_to_undo
from resail.operations.verify import MeshVerifier
from resail.plan.file import read_plan
from resail.plan.rights import rights_to_run, rights_to_undo
from resail.plan.rollback import undo_sequence

__all__ = ["ApplyRequest", "Connect", "ResumeRequest", "RollbackRequest", "apply", "resume", "rollback", "same_cluster"]

Connect = Callable[[ClusterChoice, Path | None], AbstractAsyncContextManager[Connection]]
"""As ``connect_to``."""


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    cluster: ClusterChoice = ClusterChoice()
    directory: Path | None = None
    """State directory; None: that of the cluster."""
    config: Path | None = None
    """The site's settings; None: ``resail.yaml``, where there is one."""
    istio_namespace: str = USUAL_NAMESPACE
    """Of the control plane, where the copies of runs are looked for that this machine does not know."""


class ApplyRequest(_Request, frozen=True, kw_only=True):
    """Run a plan."""

    plan: Path
    release_directories: tuple[Path, ...] = ()
    """Where to look for the releases first."""
    require_rehearsal: bool = False
    """Refuse a plan that was not rehearsed to its end."""


class ResumeRequest(_Request, frozen=True, kw_only=True):
    """Take up a run."""

    run: str | None = None
    """None: the latest."""
    approve: tuple[str, ...] = ()
    """Ids of Approve steps that a person said yes to."""
    release_directories: tuple[Path, ...] = ()
    """Where to look for the releases first."""


class RollbackRequest(_Request, frozen=True, kw_only=True):
    """Undo a run."""

    run: str | None = None
    """None: the latest."""


async def apply(
    request: ApplyRequest,
    *,
    watcher: RunWatcher | None = None,
    call_observer: CallObserver | None = None,
    connect: Connect = connect_to,
) -> RunResult:
    """Run a plan from its first step.

    Raises:
        ArtifactError: the plan is damaged, or the release of a hop is not the one that it was made of.
        BlockedError: the plan itself says that it must not be run, or it was to be rehearsed first, or rights are missing.
        StalePlanError: the plan is for another cluster.
        LockedError: another run is under way, or unfinished.
        ClusterUnreachableError: the API does not answer.
    """
    files = read_plan(request.plan)
    refuse_blockers(files.plan.findings, "the plan")
    if request.require_rehearsal:
        require_rehearsal(files.id, str(request.plan))
    async with connect(request.cluster, request.directory) as connection:
        try:
            cluster_id = await same_cluster(connection, files.plan.cluster_id, str(request.plan))
        except ForbiddenError:
            # Who may not even ask which cluster it is learns of all that is missing at once.
            await refuse_missing_rights(connection.cluster, rights_to_run(files), str(request.plan))
            raise
        state = state_directory(request.directory, cluster_id)
        seeing = watcher or SilentWatcher()
        async with taking_turn(connection, state, files.plan.istio_namespace, seeing.progress) as turn:
            session = _Session(connection, turn, files, new_run_id(), request.config, seeing)
            releases = await session.releases(request.release_directories)
            await session.refuse_missing_rights("do", str(request.plan))
            await refuse_conditions(files, connection, request.config)
            await session.istioctls(request.release_directories)
            async with turn.held():
                # Only now: of a run under way it is its process that stands in the way, and is to be named.
                refuse_unfinished(turn.journal.runs())
                await session.backups.before(connection.cluster)
                plan_file = str(state.keep_plan(files))
                turn.journal.append(session.run, RunStarted(files.id, plan_file, cluster_id))
                return await session.perform("do", releases, call_observer)


async def resume(
    request: ResumeRequest,
    *,
    watcher: RunWatcher | None = None,
    call_observer: CallObserver | None = None,
    connect: Connect = connect_to,
) -> RunResult:
    """Take up a run in the direction in which it stopped.

    Raises:
        UsageError: there is no such run, it cannot be resumed, or has no such step to approve.
        As ``apply`` besides.
    """
    seeing = watcher or SilentWatcher()
    async with _taking_up(request, request.run, seeing, connect) as (connection, turn):
        journal = turn.journal
        run = journal.run(request.run)
        _refuse_to_resume(run)
        files = await turn.plan_of(run)
        await same_cluster(connection, run.cluster_id, run.id)
        direction = _direction(journal.entries(run.id))
        session = _Session(connection, turn, files, run.id, request.config, seeing)
        releases = await session.releases(request.release_directories) if direction == "do" else ()
        await session.refuse_missing_rights(direction, run.id)
        await session.istioctls(request.release_directories)
        async with turn.held():
            _refuse_if_changed(run, journal)
            if not has_begun(journal, run.id):
                await session.backups.before(connection.cluster)
            _approve(journal, run.id, files, request.approve)
            journal.clear_request(run.id)
            journal.append(run.id, RunResumed(direction))
            return await session.perform(direction, releases, call_observer)


async def rollback(
    request: RollbackRequest,
    *,
    watcher: RunWatcher | None = None,
    call_observer: CallObserver | None = None,
    connect: Connect = connect_to,
) -> RunResult:
    """Undo what a run did, whether it is done, halted, aborted or was killed.

    Raises:
        UsageError: there is no such run, or it is rolled back already.
        BlockedError: a later run stands on what this one did, or rights are missing.
        As ``apply`` besides.
    """
    seeing = watcher or SilentWatcher()
    async with _taking_up(request, request.run, seeing, connect) as (connection, turn):
        journal = turn.journal
        run = run_to_undo(journal, request.run)
        files = await turn.plan_of(run)
        await same_cluster(connection, run.cluster_id, run.id)
        session = _Session(connection, turn, files, run.id, request.config, seeing)
        await session.refuse_missing_rights("undo", run.id)
        await session.istioctls(())
        async with turn.held():
            _refuse_if_changed(run, journal)
            journal.clear_request(run.id)
            journal.append(run.id, RunResumed("undo"))
            return await session.perform("undo", (), call_observer)


@asynccontextmanager
async def _taking_up(
    request: _Request, run: str | None, watcher: RunWatcher, connect: Connect
) -> AsyncIterator[tuple[Connection, Turn]]:
    """A turn at what was begun, here or on another machine."""
    async with connect(request.cluster, request.directory) as connection:
        state = state_directory(request.directory, await connection.cluster.cluster_id())
        namespace = namespace_of(state, run, request.istio_namespace)
        await refuse_nothing(connection, state, namespace)
        async with taking_turn(connection, state, namespace, watcher.progress) as turn:
            await turn.look()
            yield connection, turn


def _refuse_if_changed(run: Run, journal: SqliteJournal) -> None:
    """What was looked at before the lease was ours may be another's work by now."""
    if journal.run(run.id) != run:
        raise LockedError(
            "another process has worked on it just now",
            on=run.id,
            next_step="`resail status` shows how it stands; then try again",
        )


class _Session:
    """One process's turn at a run."""

    def __init__(
        self, connection: Connection, turn: Turn, files: PlanFiles, run: str, config: Path | None, watcher: RunWatcher
    ) -> None:
        self.run = run
        self.backups = OwnBackups(turn.state, run, files.plan.istio_namespace, config, watcher.progress)
        self._connection = connection
        self._turn = turn
        self._state = turn.state
        self._journal = turn.journal
        self._files = files
        self._watcher = watcher

    async def releases(self, directories: Sequence[Path]) -> tuple[Release, ...]:
        """The release of each hop. Undoing needs none: Helm rolls back by its own history, whatever became of the files."""
        return await planned_releases(self._files.plan, directories, self._watcher.progress)

    async def refuse_missing_rights(self, direction: Direction, on: str) -> None:
        """Before anything is written.

        Raises:
            BlockedError: the user may not do all that it takes; what is missing is named.
        """
        files = self._files
        if direction == "do":
            wanted = rights_to_run(files)
        else:
            standings = fold_steps(self._journal.entries(self.run))
            left = [step for step, standing in standings.items() if not standing.undone]
            wanted = rights_to_undo(files, undo_sequence(files.plan, left))
        untold = await refuse_missing_rights(self._connection.cluster, wanted, on)
        if untold:
            self._watcher.progress(f"whether you have the rights that it takes is not known: {untold}")

    async def istioctls(self, directories: Sequence[Path]) -> None:
        """Have each istioctl that doing and undoing takes, before anything is written."""
        await self._connection.istioctl.prepare(planned_istioctls(self._files.plan), directories, self._watcher.progress)

    async def perform(self, direction: Direction, releases: Sequence[Release], call_observer: CallObserver | None) -> RunResult:
        """Let the engine work, then measure and write down what came of it."""
        copy = await self._copied()
        cluster, clock = self._connection.cluster, self._connection.clock
        async with self._connection.open_installer() as installer:
            verifier, istioctl = MeshVerifier(cluster), self._connection.istioctl
            engine = Engine(cluster, cluster, installer, self._journal, clock, verifier, call_observer, istioctl, copy)
            act = engine.apply if direction == "do" else engine.rollback
            work = act(self._files, releases, self.run)
            error = await carry_out(work, self._journal, self._files, self.run, self._watcher, self._turn.lost)
        if isinstance(error, StalePlanError) and not has_begun(self._journal, self.run):
            self._nothing_was_done(error)
            await self._settle(copy)
            raise error
        read = await self.backups.after(cluster, self._journal.run(self.run).state)
        pods = count_pods(read, self._files.plan.to_version) if read else await measure_pods(cluster, self._files)
        record = read_record(self._state, self._journal, self.run, self._files, pods, live=False)
        entries = self._journal.entries(self.run)
        write_record(self._state, record, self._files, entries)
        await self._settle(copy)
        return RunResult(record, error, _waits_for(entries))

    async def _copied(self) -> JournalCopy:
        """The run's copy, which tells that this turn at it has begun."""
        try:
            copy = await self._turn.copy_of(self.run, self._files)
            await copy.settle()
        except ResailError as error:
            if not has_begun(self._journal, self.run):
                self._nothing_was_done(error)
            raise
        return copy

    def _nothing_was_done(self, error: ResailError) -> None:
        """There is nothing to resume or to undo, so the run must not stand in the way of those before and after it."""
        self._journal.append(self.run, RunFinished("aborted", f"nothing was done: {error}"))

    async def _settle(self, copy: JournalCopy) -> None:
        """Tell others how it ended; where that cannot be, they find the run interrupted, and can go on all the same."""
        try:
            await copy.settle()
        except ResailError as error:
            self._watcher.progress(f"the cluster's copy of the journal lacks the end: {error}")


def _waits_for(entries: Sequence[Entry]) -> str:
    last = entries[-1].body if entries else None
    return last.step if isinstance(last, RunHalted) and last.why == "approval" else ""


async def same_cluster(connection: Connection, wanted: str, on: str) -> str:
    """The id of the connection's cluster.

    Raises:
        StalePlanError: it is not the one that is wanted.
    """
    found = await connection.cluster.cluster_id()
    if found != wanted:
        raise StalePlanError(
            f"it is for the cluster {wanted}, and this is {found}",
            on=on,
            next_step="choose the plan's cluster with --kubeconfig and --context, or plan again for this one",
        )
    return found


def _refuse_to_resume(run: Run) -> None:
    if run.state in ("running", "halted", "rollback-failed"):
        return
    next_step = "`resail rollback` undoes it" if run.state in ("done", "aborted") else "make a new plan"
    raise UsageError(f"the run is {run.state}: there is nothing to resume", on=run.id, next_step=next_step)


def _direction(entries: Sequence[Entry]) -> Direction:
    """The one that was last under way: a rollback that was cut off is not turned round."""
    for entry in reversed(entries):
        if isinstance(entry.body, StepIntent | RunResumed):
            return entry.body.direction
    return "do"


def _approve(journal: SqliteJournal, run: str, files: PlanFiles, steps: Sequence[str]) -> None:
    waiting = [step.id for step in files.plan.steps if isinstance(step, Approve)]
    for step in steps:
        if step not in waiting:
            raise UsageError(
                "is not a step of this run that waits for an approval",
                on=step,
                next_step=f"it has {', '.join(waiting) or 'none'}",
            )
        journal.append(run, StepApproved(step))
