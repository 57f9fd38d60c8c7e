"""Ten thousand pods with sidecars on a bed.

The controllers make the first pod of each Deployment, and KWOK makes it ready. The others are copies of it, byte by byte but for
name and uid, that are written into etcd: to make them all, controllers and KWOK need a quarter of an hour and more.
"""

import asyncio
import base64
import copy
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

from resail.kube import KubeCluster, connect
from resail.models.identity import Manifest, ObjectRef
from resail.testbed.bed import Bed
from resail.testbed.mesh.install import wait_until_ready
from resail.testbed.processes import Processes

__all__ = ["PODS", "settle_crowd"]

NAMESPACES = 10
DEPLOYMENTS = 20
REPLICAS = 50
PODS = NAMESPACES * DEPLOYMENTS * REPLICAS
NODES = DEPLOYMENTS

_APPLICATION_VARIABLES = 120
"""Enough for 20 KB a pod, as pods of a company that configures by environment have them."""

_INJECTED_FROM = "checkout"
"""A namespace of the demo mesh whose sidecars are of the revision under the tag prod-stable."""

_AT_ONCE = 20
"""Pods in one transaction of etcd, which takes 1.5 MB."""


async def settle_crowd(bed: Bed, progress: Callable[[str], None]) -> None:
    """Make the pods beside the demo mesh; all are ready then, and no controller runs any more."""
    async with connect(bed.kubeconfig_of("deployer")) as cluster:
        template = await _injected_template(cluster)
        await asyncio.gather(*(cluster.create(_node(number)) for number in range(NODES)))
        for name in _namespaces():
            await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            await asyncio.gather(*(cluster.create(_deployment(name, each, template)) for each in range(DEPLOYMENTS)))
        progress(f"the first pods of {NAMESPACES * DEPLOYMENTS} Deployments")
        await wait_until_ready(cluster)
        # Only now: the template has its sidecar already.
        for name in _namespaces():
            await cluster.patch(ObjectRef("v1", "Namespace", "", name), {"metadata": {"labels": {"istio.io/rev": "prod-stable"}}})
    # They would count the copies, and make and remove others.
    Processes(bed.layout.processes).stop("kube-controller-manager", "kube-scheduler", "kwok")
    with httpx2.Client(base_url=f"http://127.0.0.1:{bed.layout.ports().etcd}", timeout=60) as etcd:
        for name in _namespaces():
            _multiply(etcd, f"/registry/pods/{name}/")
            progress(f"{REPLICAS * DEPLOYMENTS} pods in {name}")
    for name in _namespaces():
        _scale(bed, name, "replicasets")
        _scale(bed, name, "deployments")


def _namespaces() -> Iterator[str]:
    return (f"crowd-{number:02d}" for number in range(NAMESPACES))


async def _injected_template(cluster: KubeCluster) -> dict[str, Any]:
    """A pod template with the sidecar that istiod really injects, told by a dry run."""
    variables = [
        {"name": f"APPLICATION_SETTING_{number:03d}", "value": f"value-{number:03d}.of.the.configuration.example.com"}
        for number in range(_APPLICATION_VARIABLES)
    ]
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "model", "namespace": _INJECTED_FROM, "labels": {"app": "model"}},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "application", "image": "registry.example.com/crowd:1.0.0", "env": variables}],
        },
    }
    injected = await cluster.create(pod, dry_run=True)
    metadata = {key: injected["metadata"][key] for key in ("labels", "annotations")}
    # With this label the pods would be injected once more.
    metadata["labels"].pop("istio.io/rev", None)
    given_by_the_server = ("nodeName", "priority", "preemptionPolicy", "serviceAccount", "serviceAccountName")
    spec = {key: value for key, value in injected["spec"].items() if key not in given_by_the_server}
    return {"metadata": metadata, "spec": spec}


def _deployment(namespace: str, number: int, template: dict[str, Any]) -> Manifest:
    name = f"application-{number:02d}"
    own = copy.deepcopy(template)
    own["metadata"]["labels"] |= {"app": name, "service.istio.io/canonical-name": name}
    own["spec"]["nodeName"] = f"crowd-{number:02d}"
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": own},
    }


def _node(number: int) -> Manifest:
    size = {"cpu": "512", "memory": "2Ti", "pods": "1000"}
    labels = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"crowd-{number:02d}", "labels": labels},
        "status": {"capacity": size, "allocatable": size},
    }


def _multiply(etcd: httpx2.Client, prefix: str) -> None:
    """Beside each pod under the prefix, as many copies as its Deployment wants."""
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    answer = etcd.post("/v3/kv/range", json={"key": _coded(prefix.encode()), "range_end": _coded(end.encode())})
    models = [(base64.b64decode(one["key"]), base64.b64decode(one["value"])) for one in answer.raise_for_status().json()["kvs"]]
    for key, value in models:
        copies = [_renamed(key, value, number) for number in range(1, REPLICAS)]
        for first in range(0, len(copies), _AT_ONCE):
            puts = [
                {"request_put": {"key": _coded(new), "value": _coded(copied)}} for new, copied in copies[first : first + _AT_ONCE]
            ]
            etcd.post("/v3/kv/txn", json={"success": puts}).raise_for_status()


def _renamed(key: bytes, value: bytes, number: int) -> tuple[bytes, bytes]:
    """A copy with another name and uid of the same lengths, which the encoding tells in many places."""
    name = key.rpartition(b"/")[2]
    new_name = name[:-5] + f"{number:05d}".encode()
    uid_at = value.index(b"*$") + 2  # field 5 of its metadata, of 36 bytes
    uid = value[uid_at : uid_at + 36]
    copied = value.replace(name, new_name).replace(uid, str(uuid.uuid4()).encode())
    return key.removesuffix(name) + new_name, copied


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _scale(bed: Bed, namespace: str, plural: str) -> None:
    """As if their controllers had counted the pods."""
    path = f"/apis/apps/v1/namespaces/{namespace}/{plural}"
    headers = {"Content-Type": "application/merge-patch+json"}
    status = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), REPLICAS)
    for one in bed.api("GET", path).raise_for_status().json()["items"]:
        name = one["metadata"]["name"]
        spec = {"replicas": REPLICAS}
        bed.api("PATCH", f"{path}/{name}", headers=headers, json={"spec": spec}).raise_for_status()
        bed.api("PATCH", f"{path}/{name}/status", headers=headers, json={"status": status}).raise_for_status()
