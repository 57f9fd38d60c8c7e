"""``resail restore``: write a backup back, what it comes to shown first."""

import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from resail.backup.file import read_backup
from resail.backup.live import read_live
from resail.backup.order import CONTROL_PLANE, NAMESPACES
from resail.backup.restoration import Action, Live, Restoration, concerned, make_restoration, only
from resail.backup.writing import Result, Writing, is_to_do, left
from resail.errors import ArtifactError, BlockedError, StalePlanError
from resail.journal.copy_format import read_copies
from resail.journal.fold import fold_run
from resail.journal.lease import Lease
from resail.models.backup import Backup, BackupFacts
from resail.models.identity import ObjectRef
from resail.operations.cluster_choice import ClusterChoice, Connection, connect_to

__all__ = ["RestoreReport", "RestoreRequest", "RestoreWatcher", "restore"]


_HELM_RECORD = re.compile(r"(sh\.helm\.release\.v1\..+)\.v(\d+)")


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which backup, into which cluster, and how."""

    file: Path
    identities: tuple[Path, ...] = ()
    """Files with age identities, for an encrypted one."""
    cluster: ClusterChoice = ClusterChoice()
    only: tuple[str, ...] = ()
    """Patterns of what is restored; empty: everything."""
    overwrite: bool = False
    """Make objects that were changed since the backup as they are in it."""
    dry_run: bool = False
    allow_missing_secrets: bool = False
    """Go on though Secrets are neither in the backup nor in the cluster."""
    other_cluster: bool = False
    """The backup may be of another cluster."""


class RestoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore came to."""

    state: Literal["compared", "refused", "restored", "incomplete"]
    """``compared``: by a dry run. ``refused``: the user did not agree. Nothing was written in either case. ``incomplete``: some
    objects could not be written."""
    facts: BackupFacts
    unchanged: int
    """Objects, and marks on objects, that are as in the backup."""
    actions: tuple[Action, ...]
    """The others, in the order of writing."""
    results: tuple[Result, ...] = ()
    """What became of them, sorted."""

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.outcome == "failed")


class RestoreWatcher(Protocol):
    """Who is shown what a restore comes to, and is asked."""

    def compared(self, facts: BackupFacts, restoration: Restoration, *, overwrite: bool) -> None:
        """What it comes to."""
        ...

    def agrees(self) -> bool:
        """Is it to be written? Only asked where there is something to write."""
        ...

    def wrote(self, stage: str, done: int, of: int) -> None:
        """So many of the objects of a stage are written."""
        ...

    def progress(self, text: str) -> None:
        """Something else goes on."""
        ...


async def restore(request: RestoreRequest, watcher: RestoreWatcher) -> RestoreReport:
    """Compare the backup with the cluster, show it, ask, and write. Nothing is deleted; done again it does what is left.

    Raises:
        ArtifactError, UsageError: the backup cannot be read, or the identities do not open it; nothing was asked of a cluster.
        StalePlanError: it is of another cluster.
        BlockedError: it would do harm; nothing was written.
        LockedError: another process works on the mesh.
        HaltedError: istiod does not get ready; what follows it was not written.
        ClusterUnreachableError: the API does not answer.
    """
    backup = read_backup(request.file, request.identities)
    async with connect_to(request.cluster) as connection:
        cluster = connection.cluster
        if not request.other_cluster:
            await _refuse_another_cluster(connection, backup, request.file)
        watcher.progress("comparing the backup with the cluster")
        live = await read_live(cluster, concerned(backup) | set(backup.facts.left_out))
        restoration = only(make_restoration(backup, live), request.only)
        watcher.compared(backup.facts, restoration, overwrite=request.overwrite)
        _refuse_what_is_leaving(restoration, live)
        if not request.allow_missing_secrets:
            _refuse_without_secrets(request, backup, restoration, live)
        if request.dry_run:
            return _report("compared", backup, restoration)
        if not any(is_to_do(action, overwrite=request.overwrite) for action in restoration.actions):
            return _report("restored", backup, restoration, left(restoration.actions, overwrite=request.overwrite))
        _refuse_without_home(backup.facts.istio_namespace, restoration, live)
        await _tell_of_unfinished(connection, backup.facts.istio_namespace, watcher)
        if not watcher.agrees():
            return _report("refused", backup, restoration)
        results = await _write(request, connection, backup, restoration, live, watcher)
    complete = all(result.outcome != "failed" for result in results)
    return _report("restored" if complete else "incomplete", backup, restoration, results)


async def _write(
    request: RestoreRequest,
    connection: Connection,
    backup: Backup,
    restoration: Restoration,
    live: Live,
    watcher: RestoreWatcher,
) -> Sequence[Result]:
    planes = {plane.deployment for plane in backup.snapshot.control_planes}
    writing = Writing(connection.cluster, connection.clock, restoration, live, planes, watcher.wrote, overwrite=request.overwrite)
    # The lease is in one of the namespaces.
    await writing.write([action for action in restoration.actions if action.place == NAMESPACES])
    async with _lease(connection, backup.facts.istio_namespace, watcher):
        await writing.write([action for action in restoration.actions if action.place != NAMESPACES])
    return writing.results


def _report(
    state: Literal["compared", "refused", "restored", "incomplete"],
    backup: Backup,
    restoration: Restoration,
    results: Sequence[Result] = (),
) -> RestoreReport:
    same = restoration.having("same")
    return RestoreReport(
        state=state,
        facts=backup.facts,
        unchanged=len(same),
        actions=tuple(action for action in restoration.actions if action.verdict != "same"),
        results=tuple(sorted(results)),
    )


async def _refuse_another_cluster(connection: Connection, backup: Backup, file: Path) -> None:
    found = await connection.cluster.cluster_id()
    if found != backup.facts.cluster_id:
        raise StalePlanError(
            f"it is of the cluster {backup.facts.cluster_id}, and this is {found}",
            on=str(file),
            next_step="choose its cluster with --kubeconfig and --context, or restore into this one with --other-cluster",
        )


def _refuse_what_is_leaving(restoration: Restoration, live: Live) -> None:
    """Nothing can be put into a namespace that is going, or made of a kind that is."""
    homes = {ObjectRef("v1", "Namespace", "", action.ref.namespace) for action in restoration.having("create")}
    leaving = {ref for ref in homes if "deletionTimestamp" in live.get(ref, {"metadata": {}})["metadata"]}
    leaving |= {
        action.ref for action in restoration.having("leaving") if action.place < CONTROL_PLANE and not action.ref.namespace
    }
    if leaving:
        raise BlockedError(
            f"being deleted: {_listed(leaving)}",
            on="the cluster",
            next_step="wait until they are gone, and restore again; nothing was written",
        )


def _refuse_without_secrets(request: RestoreRequest, backup: Backup, restoration: Restoration, live: Live) -> None:
    """Without its CA an istiod makes a new one, and no workload trusts it; without Helm's state nobody knows of its releases."""
    missing = [ref for ref in _latest(backup.facts.left_out) if ref not in live]
    starts_istiod = any(action.place == CONTROL_PLANE for action in restoration.having("create"))
    if missing and (starts_istiod or not request.only):
        raise BlockedError(
            f"the values of Secrets are not in this backup, and these are not in the cluster either: {_listed(missing)}; an "
            "istiod that starts without its CA makes a new one, which no running workload trusts",
            on=str(request.file),
            next_step="restore an encrypted backup, or create them first; --allow-missing-secrets goes on without them",
        )


def _latest(secrets: Sequence[ObjectRef]) -> list[ObjectRef]:
    """Without Helm's records of revisions that are not the latest of their release: Helm itself removes these in the end."""
    latest: dict[tuple[str, str], tuple[int, ObjectRef]] = {}
    for ref in secrets:
        record = _HELM_RECORD.fullmatch(ref.name)
        name, revision = (record[1], int(record[2])) if record else (ref.name, 0)
        latest[ref.namespace, name] = max(latest.get((ref.namespace, name), (revision, ref)), (revision, ref))
    return [ref for _, ref in latest.values()]


def _refuse_without_home(namespace: str, restoration: Restoration, live: Live) -> None:
    home = ObjectRef("v1", "Namespace", "", namespace)
    if home not in live and all(action.ref != home for action in restoration.actions):
        raise BlockedError(
            "it is not there, and the lease that keeps others from the mesh is held in it",
            on=str(home),
            next_step=f"restore it too: --only Namespace/{namespace}",
        )


async def _tell_of_unfinished(connection: Connection, namespace: str, watcher: RestoreWatcher) -> None:
    """A restore is a way out of a broken run, so one does not forbid it."""
    if connection.tenure is None:
        return
    # Of a journal that is damaged nothing can be told, and that is no reason not to restore.
    with contextlib.suppress(ArtifactError):
        for copied in await read_copies(connection.cluster, namespace):
            run = fold_run(copied.entries)
            if run.state in ("running", "halted", "rollback-failed"):
                watcher.progress(f"run {run.id} is {run.state}; a restore does not end it: see `resail status`")


@asynccontextmanager
async def _lease(connection: Connection, namespace: str, watcher: RestoreWatcher) -> AsyncIterator[None]:
    if connection.tenure is None:
        yield
        return
    async with Lease(connection.cluster, namespace, connection.tenure).held(watcher.progress):
        yield


def _listed(refs: Sequence[ObjectRef] | set[ObjectRef]) -> str:
    return ", ".join(map(str, sorted(refs)))
