"""The stand-in at work on a real API server, with the charts of real releases."""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resail.errors import NotFoundError
from resail.kube import connect
from resail.kube.clock import SystemClock
from resail.kube.cluster import KubeCluster
from resail.kube.config import http_client
from resail.kube.http import Api
from resail.models.access import KubeAccess
from resail.models.identity import IstioVersion, KindRef, Manifest, ObjectRef
from resail.models.rendering import RenderRequest
from resail.releases.rendering import open_renderer
from resail.releases.store import default_store
from resail.snapshot.sail import SAIL_GROUP
from resail.snapshot.stand_in.sail import sail_kinds
from resail.testbed.sail.operator import SailOperator
from resail.testbed.tools import KUBERNETES_VERSION

__all__ = ["operate"]

_DEFINITION = KindRef("apiextensions.k8s.io/v1", "CustomResourceDefinition")


async def operate(kubeconfig: Path, versions: Sequence[IstioVersion], started: asyncio.Event) -> None:
    """Define the operator's kinds and the CRDs of Istio, as its own chart does, and reconcile until cancelled.

    Args:
        kubeconfig: of the cluster.
        versions: of Istio that it can install; the CRDs are the last one's.
        started: is set once the kinds are served.
    """
    releases = {str(version): await asyncio.to_thread(default_store().get, version, print) for version in versions}
    access = KubeAccess(kubeconfig, None)
    async with connect(kubeconfig) as cluster, http_client(access) as client, open_renderer() as renderer:
        plurals: dict[str, str] = {}

        async def render(chart: str, version: str, release: str, namespace: str, values: dict[str, Any]) -> Sequence[Manifest]:
            wanted = RenderRequest(chart, release, namespace, values, KUBERNETES_VERSION)
            return await renderer.render(Path(releases[version].directory), wanted)

        async def write_status(ref: ObjectRef, status: dict[str, Any]) -> None:
            path = f"/apis/{ref.api_version}/{plurals[ref.kind]}/{ref.name}/status"
            what = f"status of {ref}"
            await Api(client).request(
                "PATCH", path, what=what, body={"status": status}, content_type="application/merge-patch+json"
            )

        for manifest in sail_kinds([f"v{version}" for version in versions]):
            names = manifest["spec"]["names"]
            plurals[names["kind"]] = names["plural"]
            await cluster.apply(manifest, manager="olm", force=True)
        for manifest in await render("base", str(versions[-1]), "crds", "istio-system", {}):
            if manifest["kind"] == "CustomResourceDefinition":
                await cluster.apply(manifest, manager="olm", force=True)
        for kind in plurals:
            await _served(cluster, KindRef(f"{SAIL_GROUP}/v1", kind))
        started.set()
        await SailOperator(cluster, SystemClock(), render, write_status).run()


async def _served(cluster: KubeCluster, kind: KindRef) -> None:
    """Wait until the API serves the kind."""
    while True:
        with contextlib.suppress(NotFoundError):
            await cluster.list_objects(kind)
            return
        await asyncio.sleep(0.2)
