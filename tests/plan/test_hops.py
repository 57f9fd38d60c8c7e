"""Which jumps are allowed in one hop."""

import pytest

from resail.errors import BlockedError
from resail.models.identity import IstioVersion, ObjectRef
from resail.models.plan import Strategy
from resail.models.snapshot import Component
from resail.plan.hops import check_hop, kubernetes_findings
from tests.plan.meshes import NOBODY, mesh

CNI = Component("cni", ObjectRef("apps/v1", "DaemonSet", "istio-system", "istio-cni-node"), "1.26.0", "", NOBODY)


@pytest.mark.parametrize(
    ("installed", "target", "strategy", "cni"),
    [
        ("1.26.0", "1.27.9", "in-place", True),
        ("1.26.0", "1.26.4", "in-place", False),
        ("1.26.0", "1.27.9", "canary", True),
        ("1.25.1", "1.27.9", "canary", False),
    ],
)
def test_allowed(installed: str, target: str, strategy: Strategy, cni: bool) -> None:
    check_hop(IstioVersion.parse(installed), IstioVersion.parse(target), strategy, [CNI] if cni else [])


@pytest.mark.parametrize(
    ("installed", "target", "strategy", "cni", "words"),
    [
        ("1.26.0", "1.26.0", "canary", False, "at that version already"),
        ("1.27.9", "1.26.0", "canary", False, "downgrades"),
        ("1.25.1", "1.27.9", "in-place", False, "at most 1 minor"),
        ("1.25.1", "1.27.9", "canary", True, "since cni cannot run two versions"),
        ("1.24.0", "1.27.9", "canary", False, "at most 2 minors"),
        ("1.26.0", "2.0.0", "canary", False, "major"),
    ],
)
def test_refused(installed: str, target: str, strategy: Strategy, cni: bool, words: str) -> None:
    with pytest.raises(BlockedError, match=words):
        check_hop(IstioVersion.parse(installed), IstioVersion.parse(target), strategy, [CNI] if cni else [])


def test_a_kubernetes_that_the_target_does_not_list_is_told() -> None:
    target = IstioVersion(1, 27, 9)
    assert kubernetes_findings(mesh(), target, ("1.30", "1.31")) == []
    (finding,) = kubernetes_findings(mesh(), target, ("1.32",))
    assert (finding.id, finding.severity) == ("kubernetes-version-unsupported", "warning")
