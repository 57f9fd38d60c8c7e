"""D15: istiod's debug and configuration endpoints ask who is asking."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.mesh import holds_back
from resail.checks.hazards.span import within
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_FLAG = "ENABLE_DEBUG_ENDPOINT_AUTH"
_ALLOWED = "DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES"

_HAZARD = Hazard(
    id="D15",
    title="istiod's debug and configuration endpoints ask who is asking",
    proof="provable",
    severity="warning",
    installed="<1.31.0",
    target=">=1.27.6,!=1.28.0,!=1.28.1,!=1.28.2,!=1.28.3",
    detection="A workload outside istiod's namespace is told istiod's address with port 8080, 15014, 15010 or 15012, or is "
    "Kiali, and the hop comes to a version that asks.",
    effect="The client is refused (401 or 403), and what it shows of proxies and configuration is empty.",
    fix=f"bring the client to a version that logs in, or have its namespace in {_ALLOWED} (from 1.27.8, 1.28.6 and 1.29.1 on)",
    gates=("G11",),
    undo=("U3", "U8"),
    sources=(
        "https://github.com/istio/istio/blob/1.31.0-rc.0/releasenotes/notes/debug-endpoint-authorization.yaml",
        "https://github.com/istio/istio/blob/1.31.0-rc.0/releasenotes/notes/statusgen-xds-auth.yaml",
        "https://github.com/istio/istio/blob/1.31.0-rc.0/releasenotes/notes/xds-api-generator-auth.yaml",
    ),
)

_ASKS = ">=1.27.6,!=1.28.0,!=1.28.1,!=1.28.2,!=1.28.3"
"""Versions whose debug endpoint asks."""
_PORTS = (":8080", ":15014", ":15010", ":15012")
_KINDS = ("Deployment.apps", "StatefulSet.apps", "DaemonSet.apps")
_PLACES = tuple(f"spec.template.spec.containers[*].{place}" for place in ("env[*].value", "args[*]", "command[*]"))
_NAME = "spec.template.metadata.labels.app"


def _find(case: Case) -> Iterator[Sign]:
    if within(case.installed, _ASKS) and case.target.minor < 31:
        return
    if holds_back(case, "1.26", _FLAG) or any(True for _ in _allowed(case)):
        return
    planes = {plane.deployment for plane in case.snapshot.control_planes}
    homes = {plane.namespace for plane in planes}
    for kind in _KINDS:
        for workload in case.all(kind):
            if workload["metadata"].get("namespace") not in homes:
                seen = _asks_istiod(workload, homes)
                if seen:
                    yield Sign((seen,), f"{workload['metadata']['name']} asks istiod, which will want to know who it is")


def _asks_istiod(workload: Manifest, homes: set[str]) -> Seen | None:
    for place in _PLACES:
        for field in find(workload, place):
            if isinstance(field.value, str) and _is_istiod(field.value, homes):
                return Seen(workload, field.path)
    for pattern in (_NAME, "spec.template.metadata.labels.app.kubernetes.io/name"):
        if first(workload, pattern) == "kiali":
            return Seen(workload, pattern)
    return None


def _is_istiod(value: str, homes: set[str]) -> bool:
    """Proxies are told port 15012, too, and log in by their certificates: they are containers of another name."""
    return (
        any(f".{home}" in value for home in homes)
        and "istiod" in value
        and any(port in value for port in _PORTS)
        and not value.endswith("/metrics")
    )


def _allowed(case: Case) -> Iterator[object]:
    for place in ("pilot.env", "env"):
        for setting in case.settings(f"{place}.{_ALLOWED}", "istiod"):
            if setting.value:
                yield setting


RULE = Rule(_HAZARD, _find)
