"""Ten thousand pods with sidecars on a bed, as Deployments make them."""

import asyncio
import copy
from collections.abc import Callable
from typing import Any

from resail.kube import KubeCluster, connect
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.testbed.bed import Bed

__all__ = ["PODS", "settle_crowd"]

NAMESPACES = 10
DEPLOYMENTS = 20
REPLICAS = 50
PODS = NAMESPACES * DEPLOYMENTS * REPLICAS
NODES = DEPLOYMENTS

_APPLICATION_VARIABLES = 120
"""Enough for 20 KB a pod, as pods of a company that configures by environment have them."""

_PATIENCE = 900.0  # seconds
_INJECTED_FROM = "checkout"
"""A namespace of the demo mesh whose sidecars are of the revision under the tag prod-stable."""


async def settle_crowd(bed: Bed, progress: Callable[[str], None]) -> None:
    """Make the pods beside the demo mesh and wait until all are ready."""
    async with connect(bed.kubeconfig_of("deployer")) as cluster:
        template = await _injected_template(cluster)
        await asyncio.gather(*(cluster.create(_node(number)) for number in range(NODES)))
        for number in range(NAMESPACES):
            name = f"crowd-{number:02d}"
            await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            await asyncio.gather(*(cluster.create(_deployment(name, each, template)) for each in range(DEPLOYMENTS)))
        await _until_ready(bed, progress)
        # Only now: the template has its sidecar already, and injecting ten thousand pods would take istiod minutes.
        for number in range(NAMESPACES):
            ref = ObjectRef("v1", "Namespace", "", f"crowd-{number:02d}")
            await cluster.patch(ref, {"metadata": {"labels": {"istio.io/rev": "prod-stable"}}})


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
    # Given a node, the scheduler need not think about ten thousand pods.
    own["spec"]["nodeName"] = f"crowd-{number:02d}"
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": REPLICAS, "selector": {"matchLabels": {"app": name}}, "template": own},
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


async def _until_ready(bed: Bed, progress: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    async with connect(bed.kubeconfig) as cluster:
        while True:
            deployments = await cluster.list_objects(KindRef("apps/v1", "Deployment"))
            ready = sum(
                (each.get("status") or {}).get("readyReplicas", 0)
                for each in deployments
                if each["metadata"]["namespace"].startswith("crowd-")
            )
            progress(f"{ready} of {PODS} pods are ready")
            if ready == PODS:
                return
            if loop.time() > deadline:
                raise TimeoutError(f"only {ready} of {PODS} pods after {_PATIENCE:.0f} s")
            await asyncio.sleep(5)
