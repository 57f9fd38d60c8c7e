"""One process's turn at the runs of a mesh: the lock, the lease, and a journal that is what the cluster's copies say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

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
from resail.operations.runs import USUAL_NAMESPACE, StateDirectory, existing_journal
from resail.plan.file import read_plan

__all__ = ["Turn", "bring_up_to_date", "namespace_of", "plan_of", "refuse_nothing", "taking_turn"]

Copies = dict[str, CopiedRun]
"""By the run, oldest first."""


class Turn:
    """Made by ``taking_turn``. Nothing is written to the cluster before it is ``held``."""

    def __init__(
        self,
        connection: Connection,
        state: StateDirectory,
        namespace: str,
        journal: SqliteJournal,
        progress: Callable[[str], None],
    ) -> None:
        self.state = state
        self.journal = journal
        self._connection = connection
        self._namespace = namespace
        self._progress = progress
        self._copies: Copies = {}
        self._lease: Lease | None = None
        self._tasks = contextlib.AsyncExitStack()

    @property
    def lost(self) -> "asyncio.Future[LeaseLostError] | None":
        """Done once the lease is lost; None where there is none."""
        return self._lease.lost if self._lease else None

    async def look(self) -> None:
        """Bring the journal up to date with the copies.

        Raises:
            ArtifactError: one is damaged, or of a later format.
            ForbiddenError: we may not read them.
        """
        if self._connection.tenure is not None:
            self._copies = await bring_up_to_date(
                self._connection.cluster, self._namespace, self.state, self.journal, self._progress
            )

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the lease in the context, with the journal brought up to date once more; on a twin there is none.

        Raises:
            LockedError: another process works on the mesh; the message names it.
            ForbiddenError: we may not.
        """
        tenure = self._connection.tenure
        if tenure is None:
            yield
            return
        self._lease = Lease(self._connection.cluster, self._namespace, tenure)
        async with self._lease.held(self._progress), self._tasks:
            await self.look()
            yield

    async def plan_of(self, run: Run) -> PlanFiles:
        """As the function ``plan_of``."""
        return await plan_of(self._connection.cluster, self._namespace, self.state, run, self._copies)

    async def copy_of(self, run: str, files: PlanFiles) -> JournalCopy:
        """The copy of a run, begun where there is none, and brought up to date now and then as long as the turn is held.

        Raises:
            ForbiddenError: we may not write it.
        """
        tenure, lease = self._connection.tenure, self._lease
        if tenure is None or lease is None:
            return NoCopy()
        copied = self._copies.get(run) or await self._begin(run, files)
        copy = ClusterCopy(self._connection.cluster, self._namespace, lease, tenure, self.journal, copied)
        await self._tasks.enter_async_context(_settling(copy, lease.period))
        return copy

    async def _begin(self, run: str, files: PlanFiles) -> CopiedRun:
        cluster, copies = self._connection.cluster, tuple(self._copies.values())
        ended = [each.id for each in self.journal.runs() if each.state in ("done", "rolled-back", "aborted")]
        await prune(cluster, self._namespace, ended, copies)
        archive = self.state.keep_plan(files).read_bytes()
        number = copies[-1].head.number + 1 if copies else 1
        copied = await begin_copy(cluster, self._namespace, run, files.id, archive, self.journal.entries(run), number)
        self.journal.mark_copied(run, self._namespace)
        return copied


@asynccontextmanager
async def taking_turn(
    connection: Connection, state: StateDirectory, namespace: str, progress: Callable[[str], None]
) -> AsyncIterator[Turn]:
    """A turn for the time of the context, in which the lock of the state directory is held; nothing was asked of the cluster yet.

    Args:
        connection: to the cluster.
        state: the state directory.
        namespace: of the control plane.
        progress: what is waited for.

    Raises:
        LockedError: another process of this machine has its turn; the message names it.
        ArtifactError: the journal is damaged, or of a later format.
    """
    with hold(state.root):
        yield Turn(connection, state, namespace, open_journal(state.journal, connection.clock.now), progress)


async def bring_up_to_date(
    cluster: Cluster, namespace: str, state: StateDirectory, journal: SqliteJournal, progress: Callable[[str], None]
) -> Copies:
    """Make the journal tell what the copies do, and give those back.

    Raises:
        ArtifactError: one is damaged, cut short or of a later format.
    """
    copied = await read_copies(cluster, namespace)
    others = reconcile(journal, copied, namespace, state.journal_before)
    if others:
        progress(
            f"the cluster's copy of {', '.join(others)} counts, and not what this machine noted besides, "
            f"which is kept as {state.journal_before}"
        )
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
    """The one that is wished where it is not the usual one; else where the run (None: the latest) has its copy, if known."""
    if wished != USUAL_NAMESPACE or not state.journal.exists():
        return wished
    journal = open_journal(state.journal)
    try:
        return journal.copied_to(journal.run(run).id) or wished
    except UsageError:
        return wished
    finally:
        journal.close()


async def refuse_nothing(connection: Connection, state: StateDirectory, namespace: str) -> None:
    """Refuse to go on with what never began.

    Raises:
        UsageError: nothing was run from this state directory, and the cluster has no copy of a run.
    """
    if not state.journal.exists() and (connection.tenure is None or not await read_copies(connection.cluster, namespace)):
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
