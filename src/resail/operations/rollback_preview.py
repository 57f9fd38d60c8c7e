"""``resail rollback --dry-run``: what it would do, found without writing anything, here or in the cluster."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from resail.engine.foresight.undoing import crds_that_stay, foresee_undoing, steps_left_out
from resail.journal.lease import read_lease
from resail.journal.lock import holder_of
from resail.journal.sqlite import open_journal
from resail.models.undoing import Undoing
from resail.operations.apply import Connect, RollbackRequest, same_cluster
from resail.operations.cluster_choice import Connection, connect_to
from resail.operations.runs import StateDirectory, existing_journal, place_of
from resail.operations.turn import bring_up_to_date, namespace_of, plan_of
from resail.operations.undoable import run_to_undo
from resail.operations.verify import MeshVerifier

__all__ = ["foresee_rollback"]

_JOURNAL = ("journal.db", "journal.db-wal")
"""What SQLite keeps of it between two processes."""


async def foresee_rollback(
    request: RollbackRequest, progress: Callable[[str], None] = lambda _: None, connect: Connect = connect_to
) -> Undoing:
    """Walk the steps that ``rollback`` would undo, on a cluster of which the writes are only remembered.

    Raises:
        UsageError: there is no such run, or it is rolled back already.
        BlockedError: a later run stands on what this one did.
        ArtifactError: the journal, a copy or the plan is damaged or gone.
        StalePlanError: the run was on another cluster.
        ForbiddenError: something may not be read.
        ClusterUnreachableError: the API does not answer.
    """
    async with connect(request.cluster, request.directory) as connection:
        cluster = connection.cluster
        here = place_of(request.directory, await cluster.cluster_id())
        with _copied(here) as state:
            namespace = namespace_of(state, request.run, request.istio_namespace)
            journal = open_journal(state.journal, connection.clock.now)
            copies = {}
            if connection.tenure is not None:
                copies = await bring_up_to_date(cluster, namespace, state, journal, progress)
            if not journal.runs():
                # Says where there is none.
                existing_journal(here)
            run = run_to_undo(journal, request.run)
            files = await plan_of(cluster, namespace, state, run, copies)
            await same_cluster(connection, run.cluster_id, run.id)
            left_out = steps_left_out(files, journal, run.id)
            steps = await foresee_undoing(cluster, files, journal, run.id, connection.clock, MeshVerifier(cluster))
            return Undoing(
                run=run.id,
                state=run.state,
                plan_id=run.plan_id,
                cluster_id=run.cluster_id,
                back_to=str(files.plan.from_version),
                revision=files.plan.from_revision,
                steps=steps,
                left_out=left_out,
                stays=crds_that_stay(files, steps),
                at_work=holder_of(here.root) or await _holder(connection, namespace),
            )


@contextlib.contextmanager
def _copied(here: StateDirectory) -> Iterator[StateDirectory]:
    """A state directory to throw away, with the journal and the plans of the real one, which stays untouched."""
    with tempfile.TemporaryDirectory(prefix="resail-") as place:
        root = Path(place)
        (root / "plans").mkdir()
        for name in _JOURNAL:
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(here.root / name, root / name)
        for plan in (here.root / "plans").glob("*.zip"):
            shutil.copy(plan, root / "plans" / plan.name)
        yield StateDirectory(root)


async def _holder(connection: Connection, namespace: str) -> str:
    """Who holds the mesh's lease; empty where nobody does."""
    lease = await read_lease(connection.cluster, namespace) if connection.tenure is not None else None
    return lease.holder.name if lease is not None and lease.holder is not None else ""
