"""Each platform is known by one field of a node."""

from typing import Any

import pytest

from resail.checks.requirements.platforms import platform_of
from resail.models.field_path import resolve
from tests.checks.hazards.scenario import case_of, read


async def platform(name: str, labels: dict[str, str], kubelet: str, provider: str) -> tuple[str, str]:
    node: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"providerID": provider} if provider else {},
        "status": {"nodeInfo": {"kubeletVersion": kubelet}},
    }
    found = platform_of(
        await case_of(read({"installed": "1.26.0", "target": "1.27.9", "objects": [node], "found": [], "near_misses": []}))
    )
    if found is None:
        return "", ""
    resolve(found.seen.object, found.seen.path)
    return found.name, found.seen.path


@pytest.mark.parametrize(
    ("name", "labels", "kubelet", "provider", "expected"),
    [
        ("a", {"cloud.google.com/gke-nodepool": "x"}, "v1.31.4-gke.1", "gce://p/z/a", "gke"),
        ("a", {}, "v1.31.4-gke.1", "", ""),
        ("a", {}, "v1.31.2-eks-94953ac", "aws:///eu/i-1", "eks"),
        ("a", {}, "v1.31.2", "aws:///eu/i-1", ""),
        ("a", {"kubernetes.azure.com/cluster": "x"}, "v1.31.2", "azure://a", "aks"),
        ("a", {"node.openshift.io/os_id": "rhcos"}, "v1.30.4", "aws:///eu/i-1", "openshift"),
        ("a", {}, "v1.31.2+k3s1", "k3s://a", "k3s"),
        ("k3d-demo-server-0", {}, "v1.31.2+k3s1", "k3s://k3d-demo-server-0", "k3d"),
        ("a", {}, "v1.31.2+rke2r1", "rke2://a", "rke2"),
        ("a", {"microk8s.io/cluster": "true"}, "v1.31.2", "", "microk8s"),
        ("minikube", {"minikube.k8s.io/name": "minikube"}, "v1.31.2", "", "minikube"),
        ("kind-control-plane", {}, "v1.31.2", "kind://docker/kind/kind-control-plane", "kind"),
        ("a", {}, "v1.31.2", "", ""),
    ],
)
async def test_a_platform_and_where_it_shows(
    name: str, labels: dict[str, str], kubelet: str, provider: str, expected: str
) -> None:
    assert (await platform(name, labels, kubelet, provider))[0] == expected
