"""Install a mesh as its users would: with the helm and kubectl commands, and nothing of resail.

    python foreign_mesh.py HELM KUBECTL KUBECONFIG CHARTS VERSION

An istiod without a revision, CNI, an ingress gateway, and a small namespace with a Deployment under a budget, a StatefulSet and
a Deployment that opts out.
"""

import json
import subprocess
import sys
import time
from typing import Any

HELM, KUBECTL, KUBECONFIG, CHARTS, VERSION = sys.argv[1:6]


def helm(release: str, chart: str, namespace: str, **values: Any) -> None:
    command = [HELM, "--kubeconfig", KUBECONFIG, "install", release, f"{CHARTS}/{chart}", "--namespace", namespace]
    sets = [part for key, value in values.items() for part in ("--set", f"{key.replace('__', '.')}={value}")]
    subprocess.run([*command, "--create-namespace", "--skip-schema-validation", *sets], check=True, capture_output=True)


def kubectl(*arguments: str, text: str | None = None) -> str:
    done = subprocess.run(
        [KUBECTL, "--kubeconfig", KUBECONFIG, *arguments], check=True, capture_output=True, text=True, input=text
    )
    return done.stdout


def apply(*objects: dict[str, Any]) -> None:
    kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def node(name: str) -> dict[str, Any]:
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}},
        "status": {"allocatable": capacity, "capacity": capacity},
    }


def workload(kind: str, name: str, replicas: int, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": name, **(labels or {})}},
        "spec": {"containers": [{"name": name, "image": f"registry.example.com/{name}:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "bookshop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def wait(*arguments: str) -> None:
    """kubectl's own watch is used to wait; the command ends as soon as it is so."""
    kubectl(*arguments, "--timeout=90s")


def main() -> None:
    for name in ("node-a", "node-b"):
        kubectl("create", "-f", "-", text=json.dumps(node(name)))
    helm("base", "base", "istio-system")
    helm("istiod", "istiod", "istio-system", global__tag=VERSION, pilot__env__FOREIGN="yes")
    helm("cni", "cni", "istio-system")
    wait("rollout", "status", "deployment/istiod", "-n", "istio-system")
    deadline = time.monotonic() + 60
    while "caBundle" not in kubectl("get", "mutatingwebhookconfiguration", "istio-sidecar-injector", "-o", "json"):
        assert time.monotonic() < deadline, "istiod does not patch its webhook"
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bookshop", "labels": {"istio-injection": "enabled"}}})
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "edge", "labels": {"istio-injection": "enabled"}}})
    helm("edge-gateway", "gateway", "edge", service__type="ClusterIP")
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    budget = {"selector": {"matchLabels": {"app": "reviews"}}, "maxUnavailable": 1}
    apply(
        workload("Deployment", "reviews", 2, strategy=surge),
        workload("Deployment", "ratings", 1),
        workload("StatefulSet", "details", 2, serviceName="details"),
        workload("Deployment", "plain", 1, {"sidecar.istio.io/inject": "false"}),
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "reviews", "namespace": "bookshop"},
            "spec": budget,
        },
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "reviews", "namespace": "bookshop"},
            "spec": {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}]}]},
        },
    )
    for target in ("deployment/reviews", "deployment/ratings", "statefulset/details", "deployment/plain"):
        wait("rollout", "status", target, "-n", "bookshop")
    wait("rollout", "status", "deployment/edge-gateway", "-n", "edge")


main()
