"""Install the demo mesh with Helm, as its team would have done when its Istio came out."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from resail.cluster import Cluster, ClusterReader
from resail.errors import ApiConflictError, ResailError
from resail.installers.interface import Installer
from resail.models.identity import IstioVersion, KindRef, Manifest
from resail.models.plan import HelmChange
from resail.models.rendering import RenderRequest
from resail.releases.rendering import open_renderer
from resail.releases.store import default_store
from resail.testbed.mesh.shop import INGRESS, namespaces, workloads
from resail.testbed.tools import KUBERNETES_VERSION

__all__ = ["FROM", "TO", "RenderedMesh", "install_mesh", "render_mesh", "wait_until_ready"]

FROM = IstioVersion(1, 26, 0)
TO = IstioVersion(1, 27, 9)
"""What the demo upgrades."""

_SYSTEM = "istio-system"
_WORKERS = {"worker-1": "zone-a", "worker-2": "zone-a", "worker-3": "zone-b", "worker-4": "zone-b"}
_KUBECTL = "kubectl"
"""Field manager of ``kubectl apply --server-side``."""

_TAGS = ("default", "prod-stable")

_POLL = 0.3
_TIMEOUT = 180.0

_Release = tuple[str, str, str, dict[str, Any]]
"""Name, chart, namespace, values."""

_GATEWAY = ("gateway", "gateway", INGRESS, {"service": {"type": "ClusterIP"}})


def _releases(version: IstioVersion) -> tuple[_Release, ...]:
    istiod = {
        "revision": version.revision,
        # The pinned tag is a habit that an upgrade must deal with.
        "global": {"tag": str(version)},
        "meshConfig": {"accessLogFile": "/dev/stdout"},
        "pilot": {"resources": {"requests": {"cpu": "200m", "memory": "512Mi"}}},
    }
    return (
        ("istio-base", "base", _SYSTEM, {"defaultRevision": version.revision}),
        ("istio-cni", "cni", _SYSTEM, {}),
        (f"istiod-{version.revision}", "istiod", _SYSTEM, istiod),
    )


class RenderedMesh(msgspec.Struct, frozen=True):
    """The demo mesh's releases as Helm renders them, and the folder with their charts."""

    version: IstioVersion
    charts: Path
    objects: dict[str, tuple[Manifest, ...]]
    """Release → its objects."""
    tags: tuple[Manifest, ...]


async def render_mesh(progress: Callable[[str], None], version: IstioVersion = FROM) -> RenderedMesh:
    """Get a release of Istio, and render what the mesh has of it.

    Raises:
        ArtifactError: it is not to be had.
    """
    release = await asyncio.to_thread(default_store().get, version, progress)
    directory = Path(release.directory)
    async with open_renderer() as renderer:

        async def render(name: str, chart: str, namespace: str, values: dict[str, Any]) -> tuple[Manifest, ...]:
            return await renderer.render(directory, RenderRequest(chart, name, namespace, values, KUBERNETES_VERSION))

        objects = {one[0]: await render(*one) for one in (*_releases(version), _GATEWAY)}
        name, chart, namespace, values = _releases(version)[-1]
        tagged = await render(name, chart, namespace, {**values, "revisionTags": list(_TAGS)})
    return RenderedMesh(version, directory / "charts", objects, tuple(manifest for manifest in tagged if _is_tag(manifest)))


async def install_mesh(cluster: Cluster, helm: Installer, mesh: RenderedMesh, progress: Callable[[str], None]) -> None:
    """Install nodes, Istio and the shop, and wait until all pods are ready.

    Args:
        cluster: an empty one, real or a twin.
        helm: installs its releases.
        mesh: what to install.
        progress: is told what goes on.

    Raises:
        ResailError: the mesh does not get ready.
    """

    async def install(name: str, chart: str, namespace: str, values: dict[str, Any]) -> None:
        change = HelmChange(name, namespace, chart, "install", "", str(mesh.version), values, "", ())
        await helm.apply(change, mesh.objects[name], mesh.charts, run="")

    await _create_nodes(cluster)
    await _apply(cluster, [_system_namespace()])
    for one in _releases(mesh.version):
        progress(f"helm install {one[0]} ({one[1]} {mesh.version})")
        await install(*one)
    await wait_until_ready(cluster)
    progress(f"tags {' and '.join(_TAGS)}")
    await _apply(cluster, mesh.tags)
    await _until(lambda: _tags_answer(cluster), "istiod gives the tags no CA bundle")
    await _apply(cluster, namespaces(mesh.version.revision))
    progress(f"helm install {_GATEWAY[0]} (gateway {mesh.version}), and the shop's workloads")
    await install(*_GATEWAY)
    await _apply(cluster, workloads())
    await wait_until_ready(cluster)


async def wait_until_ready(reader: ClusterReader) -> None:
    """Wait until every pod that should be there is, and ready.

    Raises:
        ResailError: three minutes were not enough.
    """
    await _until(lambda: _all_ready(reader), "not all pods are ready")


async def _until(condition: Callable[[], Any], complaint: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _TIMEOUT
    while not await condition():
        if loop.time() > deadline:
            raise ResailError(f"{complaint} after {_TIMEOUT:.0f} s", on="the demo mesh", next_step="see the test bed's logs")
        await asyncio.sleep(_POLL)


async def _all_ready(reader: ClusterReader) -> bool:
    for kind, wanted, ready in (
        ("Deployment", "replicas", "availableReplicas"),
        ("StatefulSet", "replicas", "availableReplicas"),
        ("DaemonSet", "desiredNumberScheduled", "numberAvailable"),
    ):
        for manifest in await reader.list_objects(KindRef("apps/v1", kind)):
            status = manifest.get("status") or {}
            goal = manifest["spec"].get(wanted, status.get(wanted, 0))
            observed = status.get("observedGeneration", 0) >= manifest["metadata"]["generation"]
            if not observed or status.get(ready, 0) < goal or (kind == "DaemonSet" and goal == 0):
                return False
    return True


async def _tags_answer(reader: ClusterReader) -> bool:
    kind = KindRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")
    hooks = await reader.list_objects(kind)
    return all(entry["clientConfig"].get("caBundle") for hook in hooks for entry in hook["webhooks"])


def _is_tag(manifest: Manifest) -> bool:
    return "istio.io/tag" in (manifest["metadata"].get("labels") or {})


async def _create_nodes(cluster: Cluster) -> None:
    for name, zone in _WORKERS.items():
        with contextlib.suppress(ApiConflictError):
            await cluster.create(_node(name, zone))


async def _apply(cluster: Cluster, manifests: Iterable[Manifest]) -> None:
    for manifest in manifests:
        await cluster.apply(manifest, manager=_KUBECTL)


def _node(name: str, zone: str) -> Manifest:
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    labels = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "topology.kubernetes.io/zone": zone}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": capacity, "capacity": capacity},
    }


def _system_namespace() -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _SYSTEM}}
