"""One process at a time works on a mesh, from whatever machine: the lease that it holds in the mesh's namespace.

As client-go's leader election: the clocks of two machines are never compared. A lease has run out when it was seen unchanged
for its whole duration by the clock of whoever looks; its holder gives up well before, measured from the beginning of its last
renewal (https://pkg.go.dev/k8s.io/client-go/tools/leaderelection).
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from resail.cluster import Cluster, ClusterReader
from resail.errors import (
    ApiConflictError,
    ClusterApiError,
    ClusterUnreachableError,
    LeaseLostError,
    LockedError,
    NotFoundError,
    UsageError,
)
from resail.journal.holder import Holder
from resail.models.identity import Manifest, ObjectRef
from resail.tenure.tenure import Tenure

__all__ = ["LEASE", "Lease", "LeaseFacts", "ask_holder", "lease_seconds", "read_lease", "see_whether_alive"]

LEASE = "resail"
"""Its name."""

_VARIABLE = "RESAIL_LEASE_SECONDS"
_DURATION = 45
_SHORTEST = 3

_RENEWALS = 9  # in one duration
_TRIES = 6  # to take it from an API that falters
_TOLD = 10.0  # seconds between two words about the wait

_HOLDER = "resail.dev/holder"
_REQUEST = "resail.dev/request"


def lease_seconds() -> int:
    """For how long a lease that is not renewed stands in others' way: ``RESAIL_LEASE_SECONDS``, else 45.

    Raises:
        UsageError: it is no whole number, or below 3.
    """
    told = os.environ.get(_VARIABLE) or str(_DURATION)
    if not told.isdecimal() or int(told) < _SHORTEST:
        raise UsageError(f"{told!r} is not a number of seconds from {_SHORTEST} on", on=_VARIABLE, next_step="unset it for 45")
    return int(told)


class LeaseFacts(msgspec.Struct, frozen=True):
    """A lease as it is in the cluster."""

    holder: Holder | None
    """None: nobody."""
    since: str
    """By the clock of its holder."""
    renewed: str
    """Likewise."""
    seconds: int
    """Its duration."""
    request: str
    """What its holder is asked for: a verb and a run."""
    version: str
    """resourceVersion"""
    transitions: int

    @property
    def sign_of_life(self) -> tuple[str, str]:
        """Changes with each renewal."""
        return (self.holder.name if self.holder else "", self.renewed)


async def read_lease(reader: ClusterReader, namespace: str) -> LeaseFacts | None:
    """The lease of the mesh with its control plane in ``namespace``; None where there never was one."""
    try:
        return _facts(await reader.get(_ref(namespace)))
    except NotFoundError:
        return None


async def ask_holder(cluster: Cluster, namespace: str, run: str, what: str) -> None:
    """Ask the lease's holder to ``pause`` or ``abort`` the run, if that is what it works on."""
    await cluster.patch(_ref(namespace), {"metadata": {"annotations": {_REQUEST: f"{what} {run}"}}})


async def see_whether_alive(
    reader: ClusterReader,
    namespace: str,
    lease: LeaseFacts,
    now: Callable[[], float],
    progress: Callable[[str], None],
    share: float = 1.0,
) -> bool:
    """Look until the lease is renewed (True: its holder lives), or is free, gone, or was not renewed in time (False).

    Args:
        reader: of the cluster.
        namespace: of the lease.
        lease: as it was read just now.
        now: moments in seconds.
        progress: that it is looked at.
        share: of the lease's duration; only where the whole of it went by the lease has run out.
    """
    holder = lease.holder
    if holder is None or holder.is_dead:
        return False
    began, told, patience = now(), 0.0, lease.seconds * share
    while (waited := now() - began) < patience:
        if waited >= told:
            left = max(1, round(patience - waited))
            progress(f"{holder.name} has the lease of this mesh: looking whether it renews it, for {left} s at most")
            told = waited + _TOLD
        await asyncio.sleep(min(1.0, lease.seconds / _RENEWALS / 2))
        seen = await read_lease(reader, namespace)
        if seen is None or seen.holder is None:
            return False
        if seen.sign_of_life != lease.sign_of_life:
            return True
    return False


class Lease:
    """The lease of a mesh, for one process."""

    def __init__(self, cluster: Cluster, namespace: str, tenure: Tenure) -> None:
        """
        Args:
            cluster: of the mesh.
            namespace: of its control plane.
            tenure: of this process; it is limited as long as the lease is held, and ends when it is lost.
        """
        self._cluster = cluster
        self._namespace = namespace
        self._tenure = tenure
        self._seconds = lease_seconds()
        self._holder = Holder.this()
        self._version = ""
        self.period = self._seconds / _RENEWALS
        """Seconds between two renewals."""
        self.lost: asyncio.Future[LeaseLostError] = asyncio.get_running_loop().create_future()
        """Done once it is lost."""

    @asynccontextmanager
    async def held(self, progress: Callable[[str], None]) -> AsyncIterator[None]:
        """Hold it, waiting for a dead holder's to run out.

        Raises:
            LockedError: someone else holds it and renews it; the message names it.
            ForbiddenError: we may not.
        """
        await self._take(progress)
        renewing = asyncio.ensure_future(self._keep())
        try:
            yield
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
            # Whoever cannot be told will see that it runs out.
            with contextlib.suppress(LeaseLostError, ClusterApiError, ClusterUnreachableError, TimeoutError):
                await self._release()

    async def requested(self, run: str) -> str | None:
        """``pause`` or ``abort``, where that was asked for of this run.

        Raises:
            LeaseLostError: someone else has it by now.
        """
        lease = await read_lease(self._cluster, self._namespace)
        self._see_that_it_is_ours(lease)
        what, _, wanted = lease.request.partition(" ") if lease else ("", "", "")
        return what if what in ("pause", "abort") and wanted == run else None

    async def clear_request(self) -> None:
        """It is followed."""
        await self._cluster.patch(_ref(self._namespace), {"metadata": {"annotations": {_REQUEST: None}}})

    async def _take(self, progress: Callable[[str], None]) -> None:
        for left in reversed(range(_TRIES)):
            lease = await read_lease(self._cluster, self._namespace)
            if lease is not None and await see_whether_alive(self._cluster, self._namespace, lease, self._tenure.now, progress):
                raise self._held_by(lease)
            began = self._tenure.now()
            try:
                await self._write_first(lease)
            except (ApiConflictError, ClusterUnreachableError, ClusterApiError) as error:
                # Another one was faster; or the API faltered, and it may have been ours and only the answer was lost.
                faltered = not isinstance(error, ClusterApiError) or error.status >= 500 or error.status in (0, 409, 429)
                if not faltered or not left:
                    raise
                seen = await read_lease(self._cluster, self._namespace)
                if seen is None or seen.holder != self._holder:
                    await asyncio.sleep(self.period / 5)
                    continue
                self._version = seen.version
            self._limit(began)
            return

    def _held_by(self, lease: LeaseFacts) -> LockedError:
        holder = lease.holder.name if lease.holder else "another process"
        return LockedError(
            f"{holder} works on this mesh, by its own clock since {lease.since}",
            on=f"Lease {self._namespace}/{LEASE}",
            next_step="wait for it, or steer it with `resail pause` or `abort`",
        )

    async def _release(self) -> None:
        """A renewal that was cut off, or a request, may have changed it since we last saw it."""
        async with self._patience():
            self._see_that_it_is_ours(await read_lease(self._cluster, self._namespace))
            await self._write(holderIdentity=None, acquireTime=None, renewTime=None)

    async def _write_first(self, before: LeaseFacts | None) -> None:
        spec = {"acquireTime": (now := _now()), "renewTime": now, "holderIdentity": self._holder.name}
        if before is not None:
            self._version = before.version
            await self._write(**spec, leaseTransitions=before.transitions + 1)
            return
        annotations = {_HOLDER: msgspec.json.encode(self._holder).decode()}
        ref = _ref(self._namespace)
        made = await self._cluster.create(
            {
                "apiVersion": ref.api_version,
                "kind": ref.kind,
                "metadata": {"name": ref.name, "namespace": ref.namespace, "annotations": annotations},
                "spec": {**spec, "leaseDurationSeconds": self._seconds, "leaseTransitions": 0},
            }
        )
        self._version = made["metadata"]["resourceVersion"]

    async def _keep(self) -> None:
        """Renew it until it is lost."""
        try:
            while True:
                await asyncio.sleep(self.period)
                await self._renew()
        except LeaseLostError as error:
            self.lost.set_result(error)

    async def _renew(self) -> None:
        """Try until it succeeds or the time is over."""
        changed = False
        while True:
            self._tenure.check()
            began = self._tenure.now()
            try:
                async with self._patience():
                    if changed:
                        self._see_that_it_is_ours(await read_lease(self._cluster, self._namespace))
                    await self._write(holderIdentity=self._holder.name, renewTime=_now())
            except ApiConflictError:
                changed = True
            except (ClusterApiError, ClusterUnreachableError, TimeoutError):
                await asyncio.sleep(self.period / 5)
            else:
                self._limit(began)
                return

    def _patience(self) -> asyncio.Timeout:
        """An API that hangs may answer the next request."""
        return asyncio.timeout(max(0.0, min(self.period * 2, self._tenure.until - self._tenure.now())))

    def _see_that_it_is_ours(self, lease: LeaseFacts | None) -> None:
        if lease is None or lease.holder != self._holder:
            taker = lease.holder.name if lease is not None and lease.holder is not None else "nobody"
            self._tenure.end(f"{taker} has it now")
            self._tenure.check()
            return
        self._version = lease.version

    def _limit(self, began: float) -> None:
        self._tenure.limit(began + self._seconds * 2 / 3)

    async def _write(self, **spec: Any) -> None:
        """Only if nobody else has written since we last saw it."""
        holder = msgspec.json.encode(self._holder).decode() if spec["holderIdentity"] else None
        annotations = {_HOLDER: holder}
        if "acquireTime" in spec:
            # What was asked of whoever held it before.
            annotations[_REQUEST] = None
        metadata = {"resourceVersion": self._version, "annotations": annotations}
        patch = {"metadata": metadata, "spec": {**spec, "leaseDurationSeconds": self._seconds}}
        patched = await self._cluster.patch(_ref(self._namespace), patch)
        self._version = patched["metadata"]["resourceVersion"]


def _ref(namespace: str) -> ObjectRef:
    return ObjectRef("coordination.k8s.io/v1", "Lease", namespace, LEASE)


def _facts(manifest: Manifest) -> LeaseFacts:
    metadata, spec = manifest["metadata"], manifest.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    name = spec.get("holderIdentity") or ""
    return LeaseFacts(
        holder=_holder(name, annotations.get(_HOLDER, "")) if name else None,
        since=spec.get("acquireTime") or "",
        renewed=spec.get("renewTime") or "",
        seconds=spec.get("leaseDurationSeconds") or _DURATION,
        request=annotations.get(_REQUEST, ""),
        version=metadata["resourceVersion"],
        transitions=spec.get("leaseTransitions") or 0,
    )


def _holder(name: str, facts: str) -> Holder:
    """By its name alone, where someone wrote the lease who is not resail."""
    with contextlib.suppress(msgspec.DecodeError):
        holder = msgspec.json.decode(facts, type=Holder)
        if holder.name == name:
            return holder
    return Holder(name)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
