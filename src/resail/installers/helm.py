"""Helm: real releases with their history, by helm-python-sdk in a worker process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from resail.cluster import ClusterReader, ClusterWriter
from resail.errors import InstallerError
from resail.installers.helm_storage import RUN_LABEL
from resail.installers.interface import ReleaseState
from resail.installers.stored_releases import HISTORY, StoredReleases, given_back, patched_by_istiod, refuse_others
from resail.models.access import KubeAccess
from resail.models.identity import Manifest
from resail.models.plan import HelmChange
from resail.releases.helm import HelmWorker, start_worker
from resail.releases.helm.client import WorkerError
from resail.tenure.tenure import Tenure

__all__ = ["HelmInstaller", "open_helm"]

_TIMEOUT = 300  # seconds that one action may take


@asynccontextmanager
async def open_helm(
    access: KubeAccess, reader: ClusterReader, writer: ClusterWriter, tenure: Tenure | None = None
) -> AsyncIterator["HelmInstaller"]:
    """A Helm installer for the time of the context; its Helm does not outlive the tenure."""
    async with start_worker(tenure) as worker:
        yield HelmInstaller(worker, access, reader, writer)


class HelmInstaller(StoredReleases):
    """Implements ``Installer``; the docstrings are there."""

    def __init__(self, worker: HelmWorker, access: KubeAccess, reader: ClusterReader, writer: ClusterWriter) -> None:
        super().__init__(reader, writer)
        self._worker = worker
        self._access = access

    async def apply(self, change: HelmChange, objects: Sequence[Manifest], charts: Path, *, run: str) -> ReleaseState:
        release = f"{change.namespace}/{change.release}"
        found = await self.conflicts(release, objects)
        refuse_others(release, [conflict for conflict in found if conflict not in change.forced])
        options: dict[str, Any] = {
            "namespace": change.namespace,
            "timeout_seconds": _TIMEOUT,
            "labels": {RUN_LABEL: run},
            "description": f"resail {run}",
        }
        if change.action == "upgrade":
            options["max_history"] = HISTORY
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
        refuse_others(release, [one for one in found if not (patched_by_istiod(one) or given_back(one))])
        options = {"version": to_revision, "timeout_seconds": _TIMEOUT, "max_history": HISTORY}
        if found:
            options["force_conflicts"] = True
        await self._act("rollback", release, access=self._reach(namespace), release=name, options=options)
        return await self._afterwards(release)

    async def uninstall(self, release: str, *, keep_history: bool = False) -> None:
        namespace, _, name = release.partition("/")
        options = {"ignore_not_found": True, "timeout_seconds": _TIMEOUT, "keep_history": keep_history}
        await self._act("uninstall", release, access=self._reach(namespace), release=name, options=options)

    async def _act(self, operation: str, place: str, /, **arguments: Any) -> None:
        try:
            await self._worker.call(operation, **arguments)
        except WorkerError as error:
            raise InstallerError(
                f"Helm failed: {error}", on=f"Helm release {place}", next_step="mend the cause, then run `resail resume`"
            ) from error

    async def _afterwards(self, release: str) -> ReleaseState:
        state = await self.state(release)
        if state is None:
            raise InstallerError("it vanished while Helm worked on it", on=f"Helm release {release}")
        return state

    def _reach(self, namespace: str) -> dict[str, Any]:
        access: dict[str, Any] = {"namespace": namespace, "qps": 200.0, "burst_limit": 400}
        if self._access.kubeconfig:
            access["kubeconfig_path"] = str(self._access.kubeconfig)
        if self._access.context:
            access["kube_context"] = self._access.context
        return access
