"""N11: mirrored requests no longer have the suffix ``-shadow`` in their host."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.mesh import holds_back
from resail.models.field_path import find

__all__ = ["RULE"]

_FLAG = "DISABLE_SHADOW_HOST_SUFFIX"

_HAZARD = Hazard(
    id="N11",
    title="Mirrored requests no longer have the suffix -shadow in their host",
    proof="provable",
    severity="info",
    installed="<1.28.0",
    target=">=1.28.0",
    detection=f"A VirtualService or HTTPRoute mirrors requests, and neither {_FLAG}=false nor compatibilityVersion 1.27 is set.",
    effect="Mirrors, logs and metrics that know mirrored requests by the suffixed host do not know them any longer.",
    fix=f"match the plain host, or set {_FLAG} to false",
    gates=("G11",),
    undo=("U3",),
    sources=(
        "https://github.com/istio/istio/blob/1.28.0/pilot/pkg/features/pilot.go",
        "https://github.com/istio/istio/blob/1.28.0/releasenotes/notes/57530.yaml",
    ),
)

_MIRRORS = (
    ("VirtualService.networking.istio.io", ("spec.http[*].mirror", "spec.http[*].mirrors[*]")),
    ("HTTPRoute.gateway.networking.k8s.io", ("spec.rules[*].filters[*].requestMirror",)),
)


def _find(case: Case) -> Iterator[Sign]:
    if holds_back(case, "1.27", _FLAG):
        return
    for kind, patterns in _MIRRORS:
        for route in case.all(kind):
            mirrors = [field for pattern in patterns for field in find(route, pattern) if field.value]
            if mirrors:
                message = f"{len(mirrors)} mirrors get requests with the plain host instead of one that ends in -shadow"
                yield Sign.at(route, mirrors[0].path, message)


RULE = Rule(_HAZARD, _find)
