"""Helm: real releases with their history, by helm-python-sdk in a worker process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from resail.cluster import ClusterReader, ClusterWriter
from resail.errors import ApiConflictError, FieldConflict, HaltedError, InstallerError, NotFoundError
from resail.installers.helm_storage import RUN_LABEL, StoredRelease, decode_release, release_secret
from resail.installers.interface import ReleaseState
from resail.models.access import KubeAccess
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.plan import FieldOwnerConflict, HelmChange
from resail.releases.helm import HelmWorker, start_worker
from resail.releases.helm.client import WorkerError

__all__ = ["HelmInstaller", "open_helm", "patched_by_istiod"]

_SECRET = KindRef("v1", "Secret")
_MANAGER = "helm"
_HISTORY = 50  # revisions kept: more than the helm command does, so that undoing many hops still finds the first
_TIMEOUT = 300  # seconds that one action may take
_DRY_RUNS = 8  # at the same time


@asynccontextmanager
async def open_helm(access: KubeAccess, reader: ClusterReader, writer: ClusterWriter) -> AsyncIterator["HelmInstaller"]:
    """A Helm installer for the time of the context."""
    async with start_worker() as worker:
        yield HelmInstaller(worker, access, reader, writer)


def patched_by_istiod(conflict: FieldOwnerConflict) -> bool:
    """Is it istiod's own patch of a webhook, which it makes again after each upgrade?

    istiod turns ``failurePolicy`` from Ignore to Fail once its validation answers
    (``pkg/webhooks/validation/controller`` of Istio).
    """
    return conflict.manager == "pilot-discovery" and conflict.field.endswith(".failurePolicy")


class HelmInstaller:
    """Implements ``Installer``; the docstrings are there."""

    def __init__(self, worker: HelmWorker, access: KubeAccess, reader: ClusterReader, writer: ClusterWriter) -> None:
        self._worker = worker
        self._access = access
        self._reader = reader
        self._writer = writer

    async def state(self, release: str) -> ReleaseState | None:
        stored = await self._latest(release)
        return None if stored is None else _state(stored)

    async def manifest(self, release: str, revision: int = 0) -> tuple[Manifest, ...]:
        history = await self._history(release)
        found = [stored for stored in history if revision in (0, stored.revision)]
        if not found:
            raise InstallerError("there is no such revision", on=f"{release} v{revision}", next_step="see `helm history`")
        return found[-1].objects

    async def conflicts(self, release: str, objects: Sequence[Manifest]) -> tuple[FieldOwnerConflict, ...]:
        stored = await self._latest(release)
        if stored is not None and stored.apply_method != "ssa":
            return ()
        turn = asyncio.Semaphore(_DRY_RUNS)

        async def one(manifest: Manifest) -> list[FieldOwnerConflict]:
            ref = ObjectRef.of(manifest)
            try:
                async with turn:
                    await self._writer.apply(manifest, manager=_MANAGER, dry_run=True)
            except ApiConflictError as error:
                return [FieldOwnerConflict(ref, conflict.field, conflict.manager) for conflict in error.conflicts]
            except NotFoundError:
                # Its namespace or its kind comes with the release itself.
                return []
            return []

        # A Secret's values are not in a plan, so applying what it shows of one would tell nothing.
        found = await asyncio.gather(*(one(manifest) for manifest in objects if manifest["kind"] != "Secret"))
        return tuple(sorted(conflict for conflicts in found for conflict in conflicts))

    async def apply(self, change: HelmChange, objects: Sequence[Manifest], charts: Path, *, run: str) -> ReleaseState:
        release = f"{change.namespace}/{change.release}"
        found = await self.conflicts(release, objects)
        _refuse_others(release, [conflict for conflict in found if conflict not in change.forced])
        options: dict[str, Any] = {
            "namespace": change.namespace,
            "timeout_seconds": _TIMEOUT,
            "labels": {RUN_LABEL: run},
            "description": f"resail {run}",
        }
        if change.action == "upgrade":
            options["max_history"] = _HISTORY
        if found:
            options["force_conflicts"] = True
        await self._act(
            "write",
            release,
            function=f"helm_{change.action}",
            access=self._reach(change.namespace),
            chart=str(charts / change.chart),
            release=change.release,
            values=change.values,
            options=options,
        )
        return await self._afterwards(release)

    async def rollback(self, release: str, to_revision: int, *, run: str) -> ReleaseState:
        namespace, _, name = release.partition("/")
        found = await self.conflicts(release, await self.manifest(release, to_revision))
        _refuse_others(release, [conflict for conflict in found if not patched_by_istiod(conflict)])
        options = {"version": to_revision, "timeout_seconds": _TIMEOUT, "max_history": _HISTORY}
        if found:
            options["force_conflicts"] = True
        await self._act("rollback", release, access=self._reach(namespace), release=name, options=options)
        return await self._afterwards(release)

    async def uninstall(self, release: str) -> None:
        namespace, _, name = release.partition("/")
        options = {"ignore_not_found": True, "timeout_seconds": _TIMEOUT}
        await self._act("uninstall", release, access=self._reach(namespace), release=name, options=options)

    async def recover(self, release: str, *, run: str, unfinished: bool) -> bool:
        history = await self._history(release)
        if not history:
            return False
        latest = history[-1]
        never_deployed = latest.status == "failed" and len(history) == 1
        if not latest.status.startswith("pending-") and not never_deployed:
            return False
        # A pending rollback carries the labels of the revision that it goes back to.
        ours = unfinished and (latest.run == run or latest.status == "pending-rollback")
        if not ours:
            raise HaltedError(
                f"revision {latest.revision} is {latest.status}, and this run did not leave it so",
                on=f"Helm release {release}",
                next_step="wait for whoever works on it, or clear it with `helm rollback`; then run `resail resume`",
            )
        # Without its record the revision never was: Helm applies server-side, so doing it again converges.
        await self._writer.delete(ObjectRef("v1", "Secret", latest.namespace, release_secret(latest.name, latest.revision)))
        return True

    async def _act(self, operation: str, place: str, /, **arguments: Any) -> None:
        try:
            await self._worker.call(operation, **arguments)
        except WorkerError as error:
            raise InstallerError(
                f"Helm failed: {error}", on=f"Helm release {place}", next_step="mend the cause, then run `resail resume`"
            ) from error

    async def _afterwards(self, release: str) -> ReleaseState:
        stored = await self._latest(release)
        if stored is None:
            raise InstallerError("it vanished while Helm worked on it", on=f"Helm release {release}")
        return _state(stored)

    async def _latest(self, release: str) -> StoredRelease | None:
        history = await self._history(release)
        return history[-1] if history else None

    async def _history(self, release: str) -> list[StoredRelease]:
        namespace, _, name = release.partition("/")
        secrets = await self._reader.list_objects(_SECRET, namespace=namespace, labels=f"owner=helm,name={name}")
        return sorted((decode_release(secret) for secret in secrets), key=lambda stored: stored.revision)

    def _reach(self, namespace: str) -> dict[str, Any]:
        access: dict[str, Any] = {"namespace": namespace, "qps": 200.0, "burst_limit": 400}
        if self._access.kubeconfig:
            access["kubeconfig_path"] = str(self._access.kubeconfig)
        if self._access.context:
            access["kube_context"] = self._access.context
        return access


def _state(stored: StoredRelease) -> ReleaseState:
    return ReleaseState(
        release=f"{stored.namespace}/{stored.name}",
        revision=stored.revision,
        status=stored.status,
        chart_version=stored.chart_version,
        manifest_digest=stored.digest,
        run=stored.run,
    )


def _refuse_others(release: str, others: list[FieldOwnerConflict]) -> None:
    if not others:
        return
    shown = "; ".join(f"{conflict.object} {conflict.field} (owned by {conflict.manager})" for conflict in others[:5])
    raise ApiConflictError(
        f"{len(others)} fields belong to others, which the plan does not say: {shown}",
        on=f"Helm release {release}",
        next_step="have their owners give them up, or plan again",
        conflicts=tuple(FieldConflict(conflict.manager, conflict.field) for conflict in others),
    )
