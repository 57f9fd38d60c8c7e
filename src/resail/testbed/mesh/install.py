"""Put the demo mesh on an empty bed, with Helm and kubectl's field managers, as the user ``deployer``."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import yaml12

from resail.errors import HaltedError
from resail.kube import KubeCluster, connect
from resail.models.identity import IstioVersion, KindRef, Manifest, ObjectRef
from resail.models.rendering import RenderRequest
from resail.releases.helm import HelmWorker, start_worker
from resail.releases.rendering import SdkRenderer
from resail.releases.store import default_store
from resail.testbed.bed import Bed
from resail.testbed.tools import KUBERNETES_VERSION

__all__ = ["DEMO_VERSION", "install_demo_mesh"]

Progress = Callable[[str], None]

DEMO_VERSION = IstioVersion(1, 26, 0)
"""What the mesh runs before it is upgraded."""

_TAGS = ("default", "prod-stable")
_KUBECTL = "kubectl"
"""Field manager of ``kubectl apply --server-side``."""

_PATIENCE = 90.0
"""Seconds that one part may take to get ready."""

_AT_ONCE = 8
_WORKLOADS = (KindRef("apps/v1", "Deployment"), KindRef("apps/v1", "StatefulSet"), KindRef("apps/v1", "DaemonSet"))
_WEBHOOKS = tuple(
    KindRef("admissionregistration.k8s.io/v1", kind)
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
)


class _HelmRelease(msgspec.Struct, frozen=True):
    name: str
    namespace: str
    chart: str
    values: dict[str, Any]


async def install_demo_mesh(bed: Bed, progress: Progress = lambda _: None) -> None:
    """Install all of it and wait until it is ready and nobody writes to it any more.

    Raises:
        ArtifactError: the charts of 1.26.0 are not to be had.
        HaltedError: something did not get ready in time.
    """
    release = await asyncio.to_thread(default_store().get, DEMO_VERSION, progress)
    charts = Path(release.directory) / "charts"
    kubeconfig = bed.kubeconfig_of("deployer")
    async with connect(kubeconfig) as cluster, start_worker() as helm:
        progress(f"installing Istio {DEMO_VERSION} with Helm")
        await _create_nodes(cluster)
        await _apply(cluster, _objects("namespaces"))
        base, istiod, cni, gateway = _releases()
        await _install(helm, kubeconfig, charts, base)
        await _install(helm, kubeconfig, charts, istiod)
        await _apply(cluster, await _tags(helm, Path(release.directory), istiod))
        await _install(helm, kubeconfig, charts, cni)
        await _until("istiod serves its webhooks", lambda: _webhooks_settled(cluster))
        progress("deploying a dozen services")
        await _install(helm, kubeconfig, charts, gateway)
        await _apply(cluster, _objects("shop", "orders", "stock", "platform", "backoffice", "traffic"))
        await _until("all workloads are ready", lambda: _workloads_ready(cluster))
        progress("the demo mesh is up")


# --- what is installed ---


def _releases() -> list[_HelmRelease]:
    return msgspec.convert(yaml12.parse_yaml(_text("releases")), list[_HelmRelease])


def _objects(*names: str) -> list[Manifest]:
    documents: list[Any] = [document for name in names for document in yaml12.parse_yaml(_text(name), multi=True)]
    return documents


def _text(name: str) -> str:
    return (resources.files(__package__) / "objects" / f"{name}.yaml").read_text()


async def _tags(helm: HelmWorker, release: Path, istiod: _HelmRelease) -> list[Manifest]:
    """The webhooks of the tags, as ``helm template -s templates/revision-tags.yaml`` prints them."""
    values = {**istiod.values, "revisionTags": list(_TAGS)}
    request = RenderRequest(istiod.chart, istiod.name, istiod.namespace, values, KUBERNETES_VERSION)
    rendered = await SdkRenderer(helm).render(release, request)
    return [manifest for manifest in rendered if "istio.io/tag" in (manifest["metadata"].get("labels") or {})]


# --- installing ---


async def _create_nodes(cluster: KubeCluster) -> None:
    await asyncio.gather(*(cluster.create(node) for node in _objects("nodes")))


async def _apply(cluster: KubeCluster, manifests: Sequence[Manifest]) -> None:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(manifest: Manifest) -> None:
        async with turn:
            await cluster.apply(manifest, manager=_KUBECTL)

    await asyncio.gather(*(one(manifest) for manifest in manifests))


async def _install(helm: HelmWorker, kubeconfig: Path, charts: Path, release: _HelmRelease) -> None:
    await helm.call(
        "write",
        function="helm_install",
        access={"namespace": release.namespace, "kubeconfig_path": str(kubeconfig), "qps": 200.0, "burst_limit": 400},
        chart=str(charts / release.chart),
        release=release.name,
        values=release.values,
        options={"namespace": release.namespace, "timeout_seconds": int(_PATIENCE)},
    )


# --- waiting ---


async def _until(what: str, condition: Callable[[], Awaitable[str]]) -> None:
    """Wait until ``condition`` has nothing more to say."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    while missing := await condition():
        if loop.time() > deadline:
            raise HaltedError(f"not so after {_PATIENCE:.0f} s: {what}", on=missing, next_step="see the bed with kubectl")
        await asyncio.sleep(0.2)


async def _webhooks_settled(cluster: KubeCluster) -> str:
    """istiod fills in its certificate, and closes the validators once it has seen itself answer."""
    for kind in _WEBHOOKS:
        for hook in await cluster.list_objects(kind):
            for entry in hook["webhooks"]:
                open_yet = kind.kind.startswith("Validating") and entry["failurePolicy"] != "Fail"
                if open_yet or not entry["clientConfig"].get("caBundle"):
                    return str(ObjectRef.of(hook))
    return ""


async def _workloads_ready(cluster: KubeCluster) -> str:
    for kind in _WORKLOADS:
        for workload in await cluster.list_objects(kind):
            status = workload.get("status") or {}
            wanted = status.get("desiredNumberScheduled", workload["spec"].get("replicas", 0))
            seen = status.get("observedGeneration", 0) >= workload["metadata"]["generation"]
            ready = status.get("numberReady", status.get("readyReplicas", 0))
            # A DaemonSet without nodes to run on yet would be whole with nothing.
            if not seen or ready < max(wanted, 1):
                return str(ObjectRef.of(workload))
    return ""
