"""One process's turn at the runs of a mesh: it holds the lock and the lease, and its journal is what the cluster's copies say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from resail.cluster import Cluster
from resail.errors import ArtifactError, LeaseLostError, ResailError, UsageError
from resail.journal.cluster_copy import ClusterCopy, begin_copy, prune
from resail.journal.copy import JournalCopy, NoCopy
from resail.journal.copy_format import CopiedRun, read_copies, read_plan_archive
from resail.journal.lease import Lease
from resail.journal.lock import hold
from resail.journal.reconcile import reconcile
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.models.journal import Run
from resail.models.plan import PlanFiles
from resail.operations.cluster_choice import Connection
from resail.operations.runs import StateDirectory, existing_journal
from resail.plan.file import read_plan
from resail.tenure.tenure import Tenure

__all__ = ["Turn", "bring_up_to_date", "namespace_of", "plan_of", "refuse_nothing", "taking_turn"]

Copies = dict[str, CopiedRun]
"""By the run, oldest first."""


class _Shared(msgspec.Struct, frozen=True):
    """What a mesh has that others may work on, too."""

    cluster: Cluster
    namespace: str
    tenure: Tenure
    lease: Lease
    copies: Copies


class Turn:
    """Made by ``taking_turn``."""

    def __init__(
        self, state: StateDirectory, journal: SqliteJournal, shared: _Shared | None, tasks: contextlib.AsyncExitStack
    ) -> None:
        self.state = state
        self.journal = journal
        self._shared = shared
        self._tasks = tasks

    @property
    def lost(self) -> "asyncio.Future[LeaseLostError] | None":
        """Done once the lease is lost."""
        return self._shared.lease.lost if self._shared else None

    async def plan_of(self, run: Run) -> PlanFiles:
        """As the function ``plan_of``."""
        shared = self._shared
        if shared is None:
            return read_plan(self.state.plan_of(run))
        return await plan_of(shared.cluster, shared.namespace, self.state, run, shared.copies)

    async def copy_of(self, run: str, files: PlanFiles) -> JournalCopy:
        """The copy of a run, begun where there is none, and kept up to date until the turn ends.

        Raises:
            ForbiddenError: we may not write it.
        """
        shared = self._shared
        if shared is None:
            return NoCopy()
        copied = shared.copies.get(run) or await self._begin(shared, run, files)
        copy = ClusterCopy(shared.cluster, shared.namespace, shared.lease, shared.tenure, self.journal, copied)
        await self._tasks.enter_async_context(_settling(copy, shared.lease.period))
        return copy

    async def _begin(self, shared: _Shared, run: str, files: PlanFiles) -> CopiedRun:
        ended = [each.id for each in self.journal.runs() if each.state in ("done", "rolled-back", "aborted")]
        copies = tuple(shared.copies.values())
        await prune(shared.cluster, shared.namespace, ended, copies)
        copied = await begin_copy(
            shared.cluster,
            shared.namespace,
            run,
            files.id,
            self.state.keep_plan(files).read_bytes(),
            self.journal.entries(run),
            copies[-1].head.number + 1 if copies else 1,
        )
        self.journal.mark_copied(run, shared.namespace)
        return copied


@asynccontextmanager
async def taking_turn(
    connection: Connection, state: StateDirectory, namespace: str, progress: Callable[[str], None]
) -> AsyncIterator[Turn]:
    """A turn for the time of the context; on a twin only the lock is held.

    Args:
        connection: to the cluster.
        state: the state directory.
        namespace: of the control plane.
        progress: what is waited for.

    Raises:
        LockedError: another process has its turn; the message names it.
        ArtifactError: the journal or a copy is damaged, or of a later format.
        ForbiddenError: we may not hold the lease, or not read the copies.
    """
    async with contextlib.AsyncExitStack() as tasks:
        tasks.enter_context(hold(state.root))
        shared: _Shared | None = None
        if connection.tenure is not None:
            lease = Lease(connection.cluster, namespace, connection.tenure)
            await tasks.enter_async_context(lease.held(progress))
        journal = open_journal(state.journal, connection.clock.now)
        if connection.tenure is not None:
            copies = await bring_up_to_date(connection.cluster, namespace, state, journal, progress)
            shared = _Shared(connection.cluster, namespace, connection.tenure, lease, copies)
        yield Turn(state, journal, shared, tasks)


async def bring_up_to_date(
    cluster: Cluster, namespace: str, state: StateDirectory, journal: SqliteJournal, progress: Callable[[str], None]
) -> Copies:
    """Make the journal tell what the copies do, and give those back.

    Raises:
        ArtifactError: one is damaged, cut short or of a later format.
    """
    copied = await read_copies(cluster, namespace)
    aside = state.root / "journal-before.db"
    others = reconcile(journal, copied, namespace, aside)
    if others:
        told = ", ".join(others)
        progress(f"the cluster's copy counts where this machine's journal has more, or other, of {told}; that is kept as {aside}")
    return {each.head.run: each for each in copied}


async def plan_of(cluster: Cluster, namespace: str, state: StateDirectory, run: Run, copies: Copies) -> PlanFiles:
    """The plan of a run: the state directory's own copy, which is made of the cluster's where there is none.

    Raises:
        ArtifactError: both are gone or damaged, or it is another plan.
    """
    path = state.plan(run.plan_id)
    if run.id in copies and not path.exists():
        archive = await read_plan_archive(cluster, namespace, copies[run.id].head)
        partial = path.with_name(f".{path.name}.fetched")
        partial.write_bytes(archive)
        partial.replace(path)
    files = read_plan(state.plan_of(run))
    if files.id != run.plan_id:
        raise ArtifactError(f"it is not the plan of run {run.id}", on=str(path), next_step="remove it, and try again")
    return files


def namespace_of(state: StateDirectory, run: str | None, wished: str) -> str:
    """Where the copy of a run (None: of the latest) is, as far as this machine knows; else as wished."""
    if not state.journal.exists():
        return wished
    journal = open_journal(state.journal)
    with contextlib.suppress(UsageError):
        return journal.copied_to(journal.run(run).id) or wished
    return wished


async def refuse_nothing(connection: Connection, state: StateDirectory, namespace: str) -> None:
    """Refuse to go on with what never began.

    Raises:
        UsageError: nothing was run from this state directory, and the cluster has no copy of a run.
    """
    if connection.tenure is None or not await read_copies(connection.cluster, namespace):
        existing_journal(state)


@asynccontextmanager
async def _settling(copy: JournalCopy, period: float) -> AsyncIterator[None]:
    """Meanwhile bring the copy up to date every now and then, so that others see how far the run is."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(period)
            # Whoever makes the next write is told that it cannot.
            with contextlib.suppress(ResailError):
                await copy.settle()

    task = asyncio.ensure_future(keep())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
