"""Scenarios on a real API server: load their objects, and put the server back to what it was.

No controllers run: Deployments get no pods, and a status stays as the scenario has it.
"""

import base64
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpx2

from resail.cluster import Cluster
from resail.errors import ApiFailingError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.testbed.bed import Bed
from resail.testbed.processes import Processes

CRD = KindRef("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_APPROVED = {"api-approved.kubernetes.io": "unapproved, for tests"}
_GIVEN_BY_THE_SERVER = ("uid", "creationTimestamp", "managedFields", "generation", "resourceVersion")
_LAST = ("ResourceQuota", "LimitRange", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
"""They would have a say in what is created after them."""
_OF_THE_SERVER = ("/registry/apiregistration.k8s.io/", "/registry/leases/kube-system/", "/registry/masterleases/")
"""Keys that the API server writes by itself."""
_PATIENCE = 20.0  # seconds


class BareServer:
    """A bed with nothing but its API server."""

    def __init__(self, bed: Bed) -> None:
        Processes(bed.layout.processes).stop("kube-controller-manager", "kube-scheduler", "kwok", "supervisor")
        self._bed = bed
        self._etcd = httpx2.Client(base_url=f"http://127.0.0.1:{bed.layout.ports().etcd}", timeout=60)
        self._kept: dict[str, tuple[str, str]] = {}

    def close(self) -> None:
        self._etcd.close()

    def keep(self) -> None:
        """What is there now is what ``put_back`` leaves."""
        self._kept = {one["key"]: (one["mod_revision"], one["value"]) for one in self._range(keys_only=False)}

    def put_back(self) -> None:
        """In etcd, past admission and finalizers; the API server follows."""
        now = {one["key"]: one["mod_revision"] for one in self._range(keys_only=True)}
        gone: list[dict[str, Any]] = [{"request_delete_range": {"key": key}} for key in now.keys() - self._kept.keys()]
        changed = [
            {"request_put": {"key": key, "value": value}}
            for key, (revision, value) in self._kept.items()
            if now.get(key) != revision
        ]
        operations = gone + changed
        for first in range(0, len(operations), 100):
            self._etcd.post("/v3/kv/txn", json={"success": operations[first : first + 100]}).raise_for_status()
        self.keep()

    def _range(self, *, keys_only: bool) -> Iterator[dict[str, str]]:
        asked = {"key": _coded("/registry/"), "range_end": _coded("/registry0"), "keys_only": keys_only}
        for one in self._etcd.post("/v3/kv/range", json=asked).raise_for_status().json().get("kvs", ()):
            if not base64.b64decode(one["key"]).decode().startswith(_OF_THE_SERVER):
                yield one

    async def load(self, cluster: Cluster, objects: Iterable[Manifest]) -> None:
        """Create them, in an order in which none is in the way of another."""
        objects = list(objects)
        definitions = [one for one in objects if one["kind"] == CRD.kind]
        for one in definitions:
            await self._put(cluster, one)
        await self.serves(cluster, definitions)
        others = [one for one in objects if one["kind"] != CRD.kind]
        accounts = {_account(one) for one in others if one["kind"] == "Pod"}
        there = {ObjectRef.of(one) for one in others}
        needed = [ObjectRef("v1", "ServiceAccount", namespace, name) for namespace, name in sorted(accounts)]
        others += [
            {"apiVersion": "v1", "kind": ref.kind, "metadata": {"name": ref.name, "namespace": ref.namespace}}
            for ref in needed
            if ref not in there
        ]
        for one in sorted(others, key=_rank):
            await self._put(cluster, one)
        for one in others:
            if one["kind"] == "Namespace" and one != _lenient(one):
                await cluster.patch(ObjectRef.of(one), {"metadata": {"labels": one["metadata"]["labels"]}})

    def forget(self, kinds: str) -> None:
        """Remove all objects under a prefix of keys, such as ``apiextensions.k8s.io/customresourcedefinitions``."""
        for one in self._range(keys_only=True):
            if base64.b64decode(one["key"]).decode().startswith(f"/registry/{kinds}/"):
                self._etcd.post("/v3/kv/deleterange", json={"key": one["key"]}).raise_for_status()

    async def _put(self, cluster: Cluster, manifest: Manifest) -> None:
        ref = ObjectRef.of(manifest)
        wanted = _sendable(manifest)
        if ref == ObjectRef("v1", "Namespace", "", "kube-system"):
            await cluster.apply(wanted, force=True)
            return
        if ref.kind_ref == CRD and (await self._is_there(cluster, ref)):
            await self._replace(cluster, ref, wanted)
        else:
            await _until_webhooks_are_gone(cluster, wanted)
        status = manifest.get("status") or {}
        if ref.kind_ref == CRD:
            status = {key: status[key] for key in status if key == "storedVersions"}
        if status and ref.kind != "Node":
            path = f"{await cluster._discovery.path(ref)}/status"  # type: ignore[attr-defined]
            answer = self._bed.api(
                "PATCH", path, json={"status": status}, headers={"Content-Type": "application/merge-patch+json"}
            )
            assert answer.is_success, f"status of {ref}: {answer.text}"

    async def _is_there(self, cluster: Cluster, ref: ObjectRef) -> bool:
        return any(
            ObjectRef.of(one) == ref for one in await cluster.list_objects(ref.kind_ref, fields=f"metadata.name={ref.name}")
        )

    async def _replace(self, cluster: Cluster, ref: ObjectRef, manifest: Manifest) -> None:
        path = await cluster._discovery.path(ref)  # type: ignore[attr-defined]
        live = self._bed.api("GET", path).json()
        metadata = {**manifest["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}
        answer = self._bed.api("PUT", path, json={**manifest, "metadata": metadata})
        assert answer.is_success, f"{ref}: {answer.text}"

    async def serves(self, cluster: Cluster, definitions: Iterable[Manifest]) -> None:
        """Wait until these can be used."""
        wanted = {
            KindRef(f"{one['spec']['group']}/{version['name']}", one["spec"]["names"]["kind"])
            for one in definitions
            for version in one["spec"]["versions"]
            if version["served"]
        }
        deadline = time.monotonic() + _PATIENCE
        while not wanted <= {one.kind for one in await cluster.resource_kinds()}:
            assert time.monotonic() < deadline, f"not served: {wanted - {one.kind for one in await cluster.resource_kinds()}}"


async def _until_webhooks_are_gone(cluster: Cluster, manifest: Manifest) -> None:
    """Those of the scenario before may be known for a moment still."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            await cluster.create(manifest)
            return
        except ApiFailingError:
            if time.monotonic() > deadline:
                raise


def _lenient(namespace: Manifest) -> Manifest:
    """Without the labels for which pods are refused that may have been there before."""
    labels = namespace["metadata"].get("labels") or {}
    kept = {key: value for key, value in labels.items() if not key.startswith("pod-security.kubernetes.io/")}
    return namespace if kept == labels else {**namespace, "metadata": {**namespace["metadata"], "labels": kept}}


def _sendable(manifest: Manifest) -> Manifest:
    if manifest["kind"] == "Namespace":
        manifest = _lenient(manifest)
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _GIVEN_BY_THE_SERVER}
    if manifest["kind"] == CRD.kind and manifest["spec"]["group"].endswith(".k8s.io"):
        metadata["annotations"] = {**_APPROVED, **(metadata.get("annotations") or {})}
    return {**manifest, "metadata": metadata}


def _rank(manifest: Manifest) -> tuple[int, str]:
    kind = manifest["kind"]
    first = ("Namespace", "ServiceAccount")
    return (first.index(kind) if kind in first else 10 + (_LAST.index(kind) + 1 if kind in _LAST else 0)), kind


def _account(pod: Manifest) -> tuple[str, str]:
    return pod["metadata"]["namespace"], (pod.get("spec") or {}).get("serviceAccountName") or "default"


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
