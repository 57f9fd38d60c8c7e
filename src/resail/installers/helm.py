"""Helm: real releases with their history, by helm-python-sdk in a worker process, which reaches the API through our gateway."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from resail.cluster import ClusterReader, ClusterWriter
from resail.errors import InstallerError
from resail.installers.helm_storage import RUN_LABEL
from resail.installers.interface import ReleaseState
from resail.installers.stored_releases import HISTORY, StoredReleases, given_back, patched_by_istiod, refuse_others
from resail.kube.gateway import Gateway, open_gateway
from resail.models.access import KubeAccess
from resail.models.identity import Manifest
from resail.models.plan import FieldOwnerConflict, HelmChange
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
    async with (
        open_gateway(access, tenure) as gateway,
        start_worker(tenure, cache=gateway.kubeconfig.with_name("cache")) as worker,
    ):
        yield HelmInstaller(worker, gateway, reader, writer)


class HelmInstaller(StoredReleases):
    """Implements ``Installer``; the docstrings are there."""

    def __init__(self, worker: HelmWorker, gateway: Gateway, reader: ClusterReader, writer: ClusterWriter) -> None:
        super().__init__(reader, writer)
        self._worker = worker
        self._gateway = gateway

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

    async def rollback(
        self, release: str, to_revision: int, *, run: str, forced: Sequence[FieldOwnerConflict] = ()
    ) -> ReleaseState:
        namespace, _, name = release.partition("/")
        found = await self.conflicts(release, await self.manifest(release, to_revision))
        refuse_others(release, [one for one in found if not (one in forced or patched_by_istiod(one) or given_back(one))])
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
        before = self._gateway.failures
        try:
            await self._worker.call(operation, **arguments)
        except WorkerError as error:
            raise InstallerError(
                f"Helm failed: {error}",
                on=f"Helm release {place}",
                next_step="mend the cause, then run `resail resume`",
                transient=self._gateway.failures > before,
            ) from error

    async def _afterwards(self, release: str) -> ReleaseState:
        state = await self.state(release)
        if state is None:
            raise InstallerError("it vanished while Helm worked on it", on=f"Helm release {release}")
        return state

    def _reach(self, namespace: str) -> dict[str, Any]:
        return {"namespace": namespace, "qps": 200.0, "burst_limit": 400, "kubeconfig_path": str(self._gateway.kubeconfig)}
