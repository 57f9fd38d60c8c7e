"""K3: Kubernetes is older than the target asks for."""

import re
from collections.abc import Iterator

from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Sign

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="K3",
    title="Kubernetes is older than the target asks for",
    proof="provable",
    severity="warning",
    target=">=1.18.0",
    detection="The API server's minor version is below the one that istioctl of the target asks for.",
    effect="istioctl says so and goes on, Helm does not look; what charts and istiod rely on may not be there.",
    fix="upgrade Kubernetes first, one minor version after the other",
    gates=("G12",),
    undo=("U11",),
    sources=("https://github.com/istio/istio/blob/1.30.3/istioctl/pkg/install/k8sversion/version.go",),
)

_FLOORS = (
    ((1, 18, 0), 23),
    ((1, 18, 1), 24),
    ((1, 19, 0), 25),
    ((1, 21, 0), 26),
    ((1, 24, 0), 28),
    ((1, 25, 1), 29),
    ((1, 28, 2), 30),
    ((1, 30, 0), 32),
)
"""From which version of Istio on which minor of Kubernetes: the constant ``MinK8SVersion`` of its tags."""

_VERSION = re.compile(r"v?1\.(\d+)")


def _find(case: Case) -> Iterator[Sign]:
    version = case.snapshot.cluster.kubernetes_version
    matched = _VERSION.match(version)
    if matched is None:
        raise Unknown(f"the API server's version, {version or 'none'}, cannot be read")
    number = (case.target.major, case.target.minor, case.target.patch)
    floor = max(minor for since, minor in _FLOORS if since <= number)
    if int(matched[1]) < floor:
        yield Sign.at(case.cluster, "version", f"Istio {case.target} asks for Kubernetes 1.{floor}, and this is {version}")


RULE = Rule(_HAZARD, _find)
