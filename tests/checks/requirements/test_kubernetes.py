"""Kubernetes, on servers and nodes, against what the target supports."""

import pytest

from resail.checks.requirements.kubernetes import kubernetes_findings, kubernetes_minor
from resail.models.identity import IstioVersion
from resail.models.snapshot import ClusterFacts, Node
from tests.plan.meshes import mesh

TARGET = IstioVersion(1, 27, 9)


def found(supported: tuple[str, ...], server: str = "1.31.0", *kubelets: str) -> list[tuple[str, str]]:
    nodes = tuple(Node(f"node-{number}", version, "amd64", 4000, 2**33, True) for number, version in enumerate(kubelets))
    findings = kubernetes_findings(mesh(cluster=ClusterFacts("cluster", server, nodes)), TARGET, supported)
    return [(one.id, one.severity) for one in findings]


@pytest.mark.parametrize("supported", [(), ("1.30", "1.31"), ("1.31",)])
def test_a_listed_kubernetes_or_an_unknown_list(supported: tuple[str, ...]) -> None:
    assert found(supported) == []


def test_a_server_that_is_not_listed() -> None:
    assert found(("1.32",)) == [("kubernetes-version-unsupported", "warning")]
    assert found(("1.29",), "1.31.4-gke.100") == [("kubernetes-version-unsupported", "warning")]


@pytest.mark.parametrize(
    ("kubelet", "told"),
    [("1.28.9", True), ("1.28.9-eks-1", True), ("1.29.0", False), ("1.31.0", False), ("kwok-v0.7.0", False), ("", False)],
)
def test_nodes_that_are_older_than_the_oldest_listed(kubelet: str, told: bool) -> None:
    expected = [("kubelet-version-unsupported", "warning")] if told else []
    assert found(("1.29", "1.30", "1.31"), "1.31.0", "1.31.0", kubelet) == expected


@pytest.mark.parametrize(
    ("version", "minor"), [("v1.31.0", 31), ("1.9.1+k3s1", 9), ("kwok-v0.7.0", -1), ("", -1), ("1.x", -1), ("1", -1)]
)
def test_the_minor_of_a_version(version: str, minor: int) -> None:
    assert kubernetes_minor(version) == minor
