"""The copy of a run's journal in its cluster: the intent of each act is there before the act."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from resail.cluster import Cluster
from resail.errors import (
    ApiInvalidError,
    ClusterApiError,
    ClusterUnreachableError,
    ForbiddenError,
    HaltedError,
    LeaseLostError,
    NotFoundError,
    ResailError,
)
from resail.journal.copy_format import (
    FORMAT,
    PART,
    RUN,
    CopiedRun,
    Head,
    Log,
    head_object,
    log_object,
    name_of,
    packed,
    plan_objects,
)
from resail.journal.lease import Lease
from resail.journal.sqlite import SqliteJournal
from resail.models.encoding import digest_bytes
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.journal import Entry
from resail.tenure.tenure import Tenure

__all__ = ["KEPT", "ClusterCopy", "begin_copy", "prune"]

KEPT = 10
"""So many runs have a copy at most, but for unfinished ones; older ones go when a new one begins."""

_LOG = 128 * 1024
"""Bytes of a log from which on another one is begun: each entry writes its whole log anew."""

_WAITS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 4.0)
"""Seconds before each try."""


class ClusterCopy:
    """Implements ``JournalCopy``. Each write is made only if the log is as we left it, so no two processes ever write one log."""

    def __init__(
        self, cluster: Cluster, namespace: str, lease: Lease, tenure: Tenure, journal: SqliteJournal, run: CopiedRun
    ) -> None:
        """``run``: what its copy holds."""
        self._cluster = cluster
        self._namespace = namespace
        self._lease = lease
        self._tenure = tenure
        self._journal = journal
        self._run = run.head.run
        self._settled = run.entries[-1].sequence
        self._tail = run.tail
        self._turn = asyncio.Lock()

    async def settle(self) -> None:
        async with self._turn:
            self._tenure.check()
            entries = self._journal.entries(self._run, self._settled)
            try:
                while entries:
                    entries = entries[await self._add(entries) :]
            except ResailError as error:
                if isinstance(error, HaltedError | ClusterUnreachableError):
                    raise
                raise HaltedError(
                    f"the cluster's copy of the journal cannot be written: {error}",
                    on=self._run,
                    next_step=error.next_step or "mend the cause, then run `resail resume`",
                ) from error

    async def requested(self) -> str | None:
        return await self._lease.requested(self._run)

    async def clear_request(self) -> None:
        await self._lease.clear_request()

    async def _add(self, entries: Sequence[Entry]) -> int:
        """Add as many of them as one write takes, and tell how many."""
        room = _LOG - sum(map(len, self._tail.data.values()))
        data = _fitting(entries, max(room, 0))
        if data:
            await self._append(data)
        else:
            data = _fitting(entries, _LOG) or packed(entries[:1])
            await self._begin_log(data)
        self._settled += len(data)
        return len(data)

    async def _append(self, data: Mapping[str, str]) -> None:
        ref = _ref(self._namespace, name_of(self._run, f"log-{self._tail.number}"))
        wanted = {**self._tail.data, **data}
        async for _ in _tries():
            patch = {"metadata": {"resourceVersion": self._tail.version}, "data": dict(data)}
            try:
                live = await self._cluster.patch(ref, patch)
            except _DOUBTFUL as error:
                _raise_if_certain(error)
                live = await self._cluster.get(ref)
            found = live.get("data") or {}
            if found == wanted:
                self._tail = Log(self._tail.number, wanted, live["metadata"]["resourceVersion"])
                return
            if found != self._tail.data:
                raise self._taken()
            self._tail = Log(self._tail.number, found, live["metadata"]["resourceVersion"])
        raise ClusterUnreachableError("the API does not take it", on=str(ref), next_step="see the API server's health")

    async def _begin_log(self, data: dict[str, str]) -> None:
        number = self._tail.number + 1
        made = await _surely_create(self._cluster, log_object(self._namespace, self._run, number, data))
        if made.get("data") != data:
            raise self._taken()
        self._tail = Log(number, data, made["metadata"]["resourceVersion"])

    def _taken(self) -> LeaseLostError:
        self._tenure.end("another process writes the journal of this run")
        try:
            self._tenure.check()
        except LeaseLostError as error:
            return error
        raise AssertionError("a tenure that was ended is over")


async def begin_copy(
    cluster: Cluster, namespace: str, run: str, plan_id: str, archive: bytes, entries: Sequence[Entry], number: int
) -> CopiedRun:
    """Copy a run whose journal has these entries, at least the first.

    Args:
        cluster: where to.
        namespace: of the control plane.
        run: its id.
        plan_id: of its plan.
        archive: of its plan.
        entries: from the first on.
        number: as ``Head.number``.

    Raises:
        ForbiddenError: we may not; nothing else was done.
        ClusterApiError, ClusterUnreachableError: likewise.
    """
    pieces = plan_objects(namespace, run, archive)
    for piece in pieces:
        await _surely_create(cluster, piece)
    logs: list[Manifest] = []
    rest = entries
    while rest:
        data = _fitting(rest, _LOG) or packed(rest[:1])
        logs.append(log_object(namespace, run, len(logs), data))
        rest = rest[len(data) :]
    made = [await _surely_create(cluster, log) for log in logs]
    head = Head(FORMAT, run, number, plan_id, digest_bytes(archive), len(pieces))
    await _surely_create(cluster, head_object(namespace, head))
    tail = Log(len(logs) - 1, made[-1]["data"], made[-1]["metadata"]["resourceVersion"])
    return CopiedRun(head, tuple(entries), tail)


async def prune(cluster: Cluster, namespace: str, ended: Sequence[str], copied: Sequence[CopiedRun]) -> None:
    """Remove the copies of the oldest runs that have ended, so that with a new one there are ``KEPT``; and what no head names.

    Args:
        cluster: where from.
        namespace: of the control plane.
        ended: runs that are done, rolled back or aborted.
        copied: all, oldest first.
    """
    surplus = len(copied) + 1 - KEPT
    going = [each.head.run for each in copied if each.head.run in ended][: max(0, surplus)]
    kept = {each.head.run for each in copied} - set(going)
    found = await cluster.list_shapes(KindRef("v1", "ConfigMap"), _Part, namespace=namespace, labels=f"{PART} in (head,plan,log)")
    gone = [part.metadata for part in found if part.metadata.labels.get(RUN) not in kept]
    # The heads first: what is cut off here must not be taken for a run.
    for metadata in sorted(gone, key=lambda each: each.labels[PART] != "head"):
        with contextlib.suppress(NotFoundError):
            await cluster.delete(_ref(namespace, metadata.name))


class _Metadata(msgspec.Struct):
    name: str
    labels: dict[str, str]


class _Part(msgspec.Struct):
    metadata: _Metadata


_DOUBTFUL = (ClusterUnreachableError, ClusterApiError)


def _raise_if_certain(error: ResailError) -> None:
    """What the API refuses for good; all else may have had its effect, or may have it the next time."""
    if isinstance(error, ForbiddenError | NotFoundError | ApiInvalidError):
        raise error


async def _tries() -> AsyncIterator[None]:
    for wait in _WAITS:
        await asyncio.sleep(wait)
        yield


async def _surely_create(cluster: Cluster, manifest: Manifest) -> Manifest:
    """Create an object; what there is, where it is there already."""
    ref = ObjectRef.of(manifest)
    async for _ in _tries():
        try:
            return await cluster.create(manifest)
        except _DOUBTFUL as error:
            _raise_if_certain(error)
            failure = error
        try:
            return await cluster.get(ref)
        except NotFoundError:
            continue
    raise failure


def _fitting(entries: Sequence[Entry], size: int) -> dict[str, str]:
    """The first of them that take up no more than ``size`` bytes together."""
    data: dict[str, str] = {}
    for entry in entries:
        more = packed([entry])
        size -= sum(map(len, more.values()))
        if size < 0:
            break
        data.update(more)
    return data


def _ref(namespace: str, name: str) -> ObjectRef:
    return ObjectRef("v1", "ConfigMap", namespace, name)
