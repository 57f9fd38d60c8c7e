"""A healthy mesh in the middle of a canary, as objects that a test may spoil."""

import base64
import copy
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from resail.cluster import Cluster
from resail.errors import ClusterApiError
from resail.installers.interface import Installer
from resail.models.field_path import find
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.plan import HelmChange
from resail.operations.cluster_choice import ClusterChoice, connect_to
from resail.testbed.mesh.install import FROM, TO, RenderedMesh, install_mesh, render_mesh, wait_until_ready
from resail.twin.cluster import open_twin
from tests.acceptance.crashes import settle
from tests.checks.roots import FIRST_ROOT
from tests.snapshot.object_reader import ObjectReader

__all__ = ["NEW", "NOW", "OLD", "LoggingReader", "Mesh", "canary", "plain", "revision_in", "unready"]

OLD, NEW = FROM.revision, TO.revision
"""The two revisions of the canary."""

_BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW = _BEGAN + timedelta(hours=6)
_OLDER_PROXY = "docker.io/istio/proxyv2:1.24.0"


class Mesh:
    """Its objects; what is edited is copied first, so that many tests can begin with the same ones."""

    def __init__(self, objects: Iterable[Manifest], logs: dict[str, str] | None = None) -> None:
        self._objects = {ObjectRef.of(one): one for one in objects}
        self._edited: set[ObjectRef] = set()
        self.logs = logs if logs is not None else {}
        """Name of a pod → what its containers' logs end with."""

    def copy(self) -> "Mesh":
        return Mesh(self._objects.values(), dict(self.logs))

    @property
    def objects(self) -> list[Manifest]:
        return list(self._objects.values())

    def edit(self, kind: str, name: str, namespace: str = "") -> Manifest:
        """The object whose name is this one, or begins with it and a dash; to be changed at will."""
        [ref, *_] = [
            one
            for one in sorted(self._objects)
            if one.kind == kind and one.namespace == namespace and (one.name == name or one.name.startswith(f"{name}-"))
        ]
        return self._editable(ref)

    def edit_all(self, kind: str, fits: Callable[[Manifest], bool]) -> list[Manifest]:
        return [self._editable(ref) for ref, one in list(self._objects.items()) if ref.kind == kind and fits(one)]

    def add(self, *manifests: Manifest) -> None:
        for manifest in manifests:
            self._objects[ObjectRef.of(manifest)] = manifest

    def remove(self, kind: str, name: str, namespace: str = "") -> None:
        del self._objects[ObjectRef.of(self.edit(kind, name, namespace))]

    def reader(self) -> "LoggingReader":
        return LoggingReader(self)

    def _editable(self, ref: ObjectRef) -> Manifest:
        if ref not in self._edited:
            self._objects[ref] = copy.deepcopy(self._objects[ref])
            self._edited.add(ref)
        return self._objects[ref]


class LoggingReader(ObjectReader):
    """Pods of it have logs."""

    def __init__(self, mesh: Mesh) -> None:
        super().__init__(mesh.objects, "1.31.0")
        self._logs = mesh.logs

    async def pod_log(self, pod: ObjectRef, container: str, *, lines: int, previous: bool = False) -> str:
        if pod.name not in self._logs:
            raise ClusterApiError("the node has no such log", on=str(pod), status=500)
        return "\n".join(self._logs[pod.name].splitlines()[-lines:])


def plain() -> Mesh:
    """One control plane, and all proxies of its version."""
    return Mesh(_plain())


def canary() -> Mesh:
    """Two control planes; namespace warehouse has moved to the new one, the rest waits, one minor behind it."""
    return Mesh(_canary())


@cache
def _plain() -> tuple[Manifest, ...]:
    return settle(_installed(with_canary=False))


@cache
def _canary() -> tuple[Manifest, ...]:
    return settle(_installed(with_canary=True))


async def _installed(*, with_canary: bool) -> tuple[Manifest, ...]:
    meshes = [await render_mesh(lambda _: None, version) for version in (FROM, TO)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "twin.db"
        async with open_twin(path, start=_BEGAN):
            pass
        async with connect_to(ClusterChoice(twin=path)) as connection, connection.open_installer() as installer:
            cluster = connection.cluster
            await install_mesh(cluster, installer, meshes[0], lambda _: None)
            if with_canary:
                await _go_half_way(cluster, installer, meshes[1])
            kinds = [one.kind for one in await cluster.resource_kinds()]
            objects = [one for kind in kinds for one in await cluster.list_objects(kind)]
    mesh = Mesh(objects)
    _trust(mesh)
    _let_all_go(mesh)
    _add_what_is_fine(mesh)
    return tuple(mesh.objects)


async def _go_half_way(cluster: Cluster, installer: Installer, new: RenderedMesh) -> None:
    for name, chart in (("istio-base", "base"), (f"istiod-{NEW}", "istiod")):
        action: Any = "upgrade" if chart == "base" else "install"
        values = {"defaultRevision": OLD} if chart == "base" else {"revision": NEW, "global": {"tag": str(TO)}}
        was = str(FROM) if chart == "base" else ""
        change = HelmChange(name, "istio-system", chart, action, was, str(new.version), values, "", ())
        objects = [one for one in new.objects[name] if one["kind"] != "ValidatingWebhookConfiguration" or chart == "istiod"]
        await installer.apply(change, objects, new.charts, run="")
    await wait_until_ready(cluster)
    await cluster.patch(ObjectRef("v1", "Namespace", "", "warehouse"), {"metadata": {"labels": {"istio.io/rev": NEW}}})
    for one in await cluster.list_objects(KindRef("apps/v1", "Deployment"), namespace="warehouse"):
        restart = {"spec": {"template": {"metadata": {"annotations": {"resail.dev/restart": "r-1/restart"}}}}}
        await cluster.patch(ObjectRef.of(one), restart)
    await wait_until_ready(cluster)


def _trust(mesh: Mesh) -> None:
    """A real authority; a twin has none."""
    root = base64.b64encode(FIRST_ROOT.encode()).decode()
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for hook in mesh.edit_all(kind, lambda _: True):
            for entry in hook["webhooks"]:
                entry["clientConfig"]["caBundle"] = root
    system = {"namespace": "istio-system"}
    mesh.add(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "istio-ca-secret", **system}, "data": {"ca-cert.pem": root}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio-ca-root-cert", **system, "labels": {"istio.io/config": "true"}},
            "data": {"root-cert.pem": FIRST_ROOT},
        },
    )


def _let_all_go(mesh: Mesh) -> None:
    """The demo's mesh has one budget that lets no pod go, which doctor would name."""
    budget = mesh.edit("PodDisruptionBudget", "ledger", "checkout")
    budget["spec"]["minAvailable"] = "50%"
    budget["status"] |= {"desiredHealthy": 1, "disruptionsAllowed": 1}


def _add_what_is_fine(mesh: Mesh) -> None:
    """What looks like trouble at a first glance: a Job that ended long ago, a Deployment without pods, a pod that just starts."""
    pod = copy.deepcopy(mesh.edit("Pod", "cart", "checkout"))
    job = {"apiVersion": "batch/v1", "kind": "Job", "name": "import", "uid": "1", "controller": True}
    ended = copy.deepcopy(pod)
    ended["metadata"] |= {"name": "import-x7k2p", "ownerReferences": [job], "labels": {"app": "import"}, "uid": "2"}
    for field in find(ended, "spec.containers[*]"):
        field.value["image"] = _OLDER_PROXY if field.value["name"] == "istio-proxy" else field.value["image"]
    ended["status"] = {"phase": "Succeeded", "conditions": [{"type": "Ready", "status": "False", "reason": "PodCompleted"}]}
    mesh.add(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "import", "namespace": "checkout", "uid": "1"},
            "spec": {"template": {"metadata": {"labels": {"app": "import"}}, "spec": {"containers": []}}},
            "status": {"succeeded": 1},
        },
        ended,
    )
    asleep = copy.deepcopy(mesh.edit("Deployment", "cart", "checkout"))
    asleep["metadata"] |= {"name": "asleep", "uid": "3"}
    asleep["spec"] |= {"replicas": 0}
    asleep["spec"]["template"]["metadata"]["labels"] = {"app": "asleep"}
    asleep["status"] = {"observedGeneration": 1}
    mesh.add(asleep)
    starting = mesh.edit("Pod", "catalog", "storefront")
    starting["metadata"]["creationTimestamp"] = f"{NOW - timedelta(seconds=20):%Y-%m-%dT%H:%M:%SZ}"
    unready(starting, {"waiting": {"reason": "PodInitializing"}})
    mesh.edit("Deployment", "catalog", "storefront")["status"]["readyReplicas"] = 1


def unready(pod: Manifest, state: dict[str, Any], last: dict[str, Any] | None = None, container: str = "") -> None:
    """Its containers, or one of them, are in a state, and it is not ready."""
    for status in pod["status"]["containerStatuses"]:
        if container in ("", status["name"]):
            status |= {"ready": False, "state": state, "restartCount": 7 if last else 0, "lastState": last or {}}
    for condition in pod["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition["status"] = "False"


def revision_in(manifest: Manifest) -> str:
    """That a webhook's label names."""
    return str(manifest["metadata"].get("labels", {}).get("istio.io/rev", ""))
