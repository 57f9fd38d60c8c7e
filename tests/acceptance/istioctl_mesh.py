"""Install a mesh as its users would: with the istioctl and kubectl commands, and nothing of resail.

    python istioctl_mesh.py ISTIOCTL KUBECTL KUBECONFIG OPERATOR_FILE

istiod without a revision, CNI and an ingress gateway by ``istioctl install``; the tags ``default``, which it makes, and
``prod-stable``; one namespace for each of them, with a Deployment under a budget, a StatefulSet and a Deployment that opts out.
"""

import json
import subprocess
import sys
import time
from typing import Any

ISTIOCTL, KUBECTL, KUBECONFIG, OPERATOR_FILE = sys.argv[1:5]

TAGGED = {"bookshop": {"istio-injection": "enabled"}, "storefront": {"istio.io/rev": "prod-stable"}}


def istioctl(*arguments: str) -> None:
    subprocess.run([ISTIOCTL, "--kubeconfig", KUBECONFIG, *arguments], check=True, capture_output=True)


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


def workload(
    kind: str, namespace: str, name: str, replicas: int, labels: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": name, **(labels or {})}},
        "spec": {"containers": [{"name": name, "image": f"registry.example.com/{name}:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def wait(*arguments: str) -> None:
    """kubectl's own watch is used to wait; the command ends as soon as it is so."""
    kubectl("rollout", "status", *arguments, "--timeout=90s")


def main() -> None:
    for name in ("node-a", "node-b"):
        kubectl("create", "-f", "-", text=json.dumps(node(name)))
    istioctl("install", "--skip-confirmation", "-f", OPERATOR_FILE)
    deadline = time.monotonic() + 60
    while "caBundle" not in kubectl("get", "mutatingwebhookconfiguration", "istio-sidecar-injector", "-o", "json"):
        assert time.monotonic() < deadline, "istiod does not patch its webhook"
    istioctl("tag", "set", "prod-stable", "--revision", "default")
    for name, labels in TAGGED.items():
        apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    apply(
        workload("Deployment", "bookshop", "reviews", 2, strategy=surge),
        workload("StatefulSet", "bookshop", "details", 2, serviceName="details"),
        workload("Deployment", "bookshop", "plain", 1, {"sidecar.istio.io/inject": "false"}),
        workload("Deployment", "storefront", "web", 2),
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "reviews", "namespace": "bookshop"},
            "spec": {"selector": {"matchLabels": {"app": "reviews"}}, "maxUnavailable": 1},
        },
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "reviews", "namespace": "bookshop"},
            "spec": {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}]}]},
        },
    )
    for target in ("deployment/reviews", "statefulset/details", "deployment/plain"):
        wait(target, "-n", "bookshop")
    wait("deployment/web", "-n", "storefront")


main()
