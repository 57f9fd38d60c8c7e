"""D6: discoverySelectors begin to hide configuration and the root certificate."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.mesh import holds_back, mesh_settings
from resail.models.identity import Manifest
from resail.models.selector import Selector

__all__ = ["RULE"]

_FLAG = "ENABLE_ENHANCED_RESOURCE_SCOPING"

_HAZARD = Hazard(
    id="D6",
    title="discoverySelectors begin to hide configuration and the root certificate",
    proof="provable",
    severity="blocker",
    installed="<1.22.0",
    target=">=1.22.0",
    detection="discoverySelectors are set, and a namespace that none of them selects has objects of Istio or pods with proxies.",
    effect="The objects there have no effect any longer, and proxies there do not get the root certificate.",
    fix="have a selector select the namespace, or move what is in it",
    gates=("G10", "G9"),
    undo=("U3", "U9"),
    sources=(
        "https://github.com/istio/istio/blob/master/releasenotes/notes/enable-enhanced-scope.yaml",
        "https://github.com/istio/istio/issues/51399",
        "https://github.com/istio/istio/issues/51630",
    ),
)

_KINDS = (
    *(f"{kind}.networking.istio.io" for kind in ("Gateway", "VirtualService", "DestinationRule", "ServiceEntry")),
    *(f"{kind}.networking.istio.io" for kind in ("Sidecar", "EnvoyFilter", "WorkloadEntry")),
    *(f"{kind}.security.istio.io" for kind in ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication")),
    *("Telemetry.telemetry.istio.io", "WasmPlugin.extensions.istio.io"),
    *(f"{kind}.gateway.networking.k8s.io" for kind in ("Gateway", "HTTPRoute")),
)


def _find(case: Case) -> Iterator[Sign]:
    settings = list(mesh_settings(case, "discoverySelectors"))
    selectors = [one for setting in settings for one in _selectors(setting.field.value)]
    if not selectors or None in selectors or holds_back(case, _held_since(case), _FLAG):
        return
    held = _held(case)
    for namespace in case.all("Namespace"):
        name, labels = namespace["metadata"].get("name", ""), namespace["metadata"].get("labels") or {}
        told = held.get(name)
        if told and isinstance(labels, dict) and not any(one.fits(labels) for one in selectors if one is not None):
            path = "metadata.labels" if labels else ""
            seen = (Seen(namespace, path), Seen(settings[0].object, settings[0].field.path))
            yield Sign(seen, f"no discovery selector selects namespace {name}, which has {told}")


def _held_since(case: Case) -> str:
    """The profile of 1.21 has the flag only from 1.22.2 on."""
    return "1.20" if case.target.line == "1.22" and case.target.patch < 2 else "1.21"


def _selectors(value: Any) -> list[Selector | None]:
    """None among them: one cannot be read, and may select anything."""
    found: list[Selector | None] = []
    for one in value if isinstance(value, list) else ():
        try:
            found.append(msgspec.convert(one, Selector))
        except msgspec.ValidationError:
            found.append(None)
    return found


def _held(case: Case) -> dict[str, str]:
    """Namespace → what is there that would be hidden."""
    found: dict[str, str] = {}
    objects: dict[str, list[Manifest]] = defaultdict(list)
    for kind in _KINDS:
        for one in case.all(kind):
            objects[one["metadata"].get("namespace", "")].append(one)
    for workload in case.snapshot.workloads:
        if any(pod.proxy_version for pod in workload.pods):
            found.setdefault(workload.ref.namespace, f"proxies ({workload.ref.kind} {workload.ref.name})")
    for name, those in objects.items():
        found.setdefault(name, f"{len(those)} objects of Istio ({those[0]['kind']} {those[0]['metadata'].get('name', '')})")
    return found


RULE = Rule(_HAZARD, _find)
