"""C11: waypoints fail on the way to 1.24.0, and need to be named from 1.22 on."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.span import within
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="C11",
    title="Waypoints fail on the way to 1.24.0, and are passed by from 1.22 on where nothing names them",
    proof="provable",
    severity="blocker",
    installed="<1.24.0",
    target=">=1.22.0",
    modes=("ambient",),
    detection="There is a waypoint and the target is 1.24.0; or it is from before 1.22, and no istio.io/use-waypoint names it.",
    effect="Requests through waypoints fail for a while; or they no longer go through them, and rules of layer 7 do not hold.",
    fix="go to 1.24.1 or later; mark namespaces or Services with istio.io/use-waypoint before 1.22",
    gates=("G4", "G10"),
    undo=("U7", "U9"),
    sources=(
        "https://github.com/istio/istio/issues/53883",
        "https://github.com/istio/istio/blob/1.22.0/releasenotes/notes/49700.yaml",
        "https://github.com/istio/istio/blob/1.24.1/releasenotes/notes/waypoint-revision.yaml",
    ),
)
_CLASS = "spec.gatewayClassName"
_MARKED = ("Namespace", "Service", "Pod", "ServiceEntry.networking.istio.io", "WorkloadEntry.networking.istio.io")
_MARKS = ("metadata.labels.istio.io/use-waypoint", "metadata.annotations.istio.io/use-waypoint")


def _find(case: Case) -> Iterator[Sign]:
    waypoints = [one for one in case.all("Gateway.gateway.networking.k8s.io") if first(one, _CLASS) == "istio-waypoint"]
    if within(case.target, "=1.24.0"):
        for waypoint in waypoints:
            message = f"waypoint {_named(waypoint)} fails from when istiod is 1.24.0 until it is so itself"
            yield Sign.at(waypoint, _CLASS, message, fix="go to 1.24.1 or later")
    if within(case.installed, "<1.22.0") and waypoints:
        named = _waypoints_in_use(case)
        for waypoint in waypoints:
            if not {first(waypoint, "metadata.name"), _named(waypoint)} & named:
                message = f"nothing names waypoint {_named(waypoint)}, so that no request goes through it from 1.22 on"
                yield Sign.at(waypoint, _CLASS, message, fix="mark its namespace or Services with istio.io/use-waypoint")


def _waypoints_in_use(case: Case) -> set[str]:
    """Names, with or without their namespace, as they are written."""
    objects = [one for kind in _MARKED for one in case.all(kind)]
    written = [first(one, mark) for one in objects for mark in _MARKS]
    return {name for name in written if isinstance(name, str)}


def _named(waypoint: Manifest) -> str:
    return f"{first(waypoint, 'metadata.namespace')}/{first(waypoint, 'metadata.name')}"


RULE = Rule(_HAZARD, _find)
