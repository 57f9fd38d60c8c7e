"""What of the mesh itself speaks for or against a hop."""

import pytest

from resail.models.identity import IstioVersion, ObjectRef
from resail.models.snapshot import Component, Ownership
from resail.plan.hops import left_behind, node_level, standing_of
from resail.plan.path import Standing
from resail.plan.selection import select
from tests.plan.meshes import HELM, NOBODY, deployment, mesh


def at(version: str) -> IstioVersion:
    return IstioVersion.parse(version)


def test_a_mesh_stands_where_its_oldest_proxy_that_can_restart_does() -> None:
    workloads = (deployment("new"), deployment("old", version="1.25.3"), deployment("job", version="1.24.0", kind="Job"))
    snapshot = mesh(*workloads, deployment("other", version="1.24.0", revision="other"), deployment("odd", version="latest"))
    assert standing_of(snapshot, select(snapshot, "")) == Standing(at("1.26.0"), at("1.25.3"))
    assert standing_of(mesh(), select(mesh(), "")) == Standing(at("1.26.0"), at("1.26.0"))


@pytest.mark.parametrize(("owner", "stands"), [(HELM, "1.25.0"), (NOBODY, "1.26.0")])
def test_what_a_hop_upgrades_on_the_nodes_counts_too(owner: Ownership, stands: str) -> None:
    cni = Component("cni", ObjectRef("apps/v1", "DaemonSet", "istio-system", "istio-cni-node"), "1.25.0", "", owner)
    snapshot = mesh(components=(cni,))
    assert node_level(snapshot) == ("cni",)
    assert standing_of(snapshot, select(snapshot, "")).proxies == at(stands)


@pytest.mark.parametrize(
    ("version", "kind", "severity"),
    [
        ("1.26.0", "Deployment", ""),
        ("1.25.3", "Deployment", "blocker"),
        ("1.25.3", "Pod", "blocker"),
        ("1.25.3", "Job", "warning"),
    ],
)
def test_a_proxy_that_would_be_two_minors_behind_is_told(version: str, kind: str, severity: str) -> None:
    snapshot = mesh(deployment("web", version=version, kind=kind))
    assert [one.severity for one in left_behind(snapshot, "default", at("1.27.9"))] == ([severity] if severity else [])
    assert left_behind(snapshot, "other", at("1.27.9")) == []
