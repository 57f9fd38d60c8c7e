"""N12: of a hostname that several namespaces define, proxies take another one."""

from collections import defaultdict
from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.mesh import holds_back
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_FLAG = "PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE"

_HAZARD = Hazard(
    id="N12",
    title="Of a hostname that several namespaces define, proxies take another one",
    proof="provable",
    severity="warning",
    installed="<1.30.0",
    target=">=1.30.0",
    modes=("sidecar",),
    detection="A hostname is defined in several namespaces that others see; the alphabetically first one, which was taken, is no "
    "Service of Kubernetes, and no oldest ServiceEntry, which is taken from 1.30 on.",
    effect="Proxies in other namespaces send the requests to another backend.",
    fix="take the duplicate out, or narrow who sees it (exportTo, or egress of a Sidecar)",
    gates=("G4", "G10"),
    undo=("U3",),
    sources=(
        "https://github.com/istio/istio/blob/1.30.3/releasenotes/notes/sidecar-pick-best-service-namespace.yaml",
        "https://github.com/istio/istio/blob/1.30.3/manifests/charts/istio-control/istio-discovery/files/profile-compatibility-version-1.29.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    if holds_back(case, "1.29", _FLAG):
        return
    services = {f"{_name(one)}.{_namespace(one)}.svc.cluster.local": one for one in case.all("Service")}
    by_host: dict[str, dict[str, Seen]] = defaultdict(dict)
    for entry in case.all("ServiceEntry.networking.istio.io"):
        if _is_seen_by_all(entry):
            for field in find(entry, "spec.hosts[*]"):
                if isinstance(field.value, str) and "*" not in field.value:
                    by_host[field.value].setdefault(_namespace(entry), Seen(entry, field.path))
    for host, places in sorted(by_host.items()):
        service = services.get(host)
        others = {name: seen for name, seen in places.items() if service is None or name != _namespace(service)}
        if len(others) + (service is not None) < 2:
            continue
        now = min([*others, *([_namespace(service)] if service else [])])
        then = _namespace(service) if service else min(others, key=lambda name: (_age(others[name].object), name))
        if now != then and now in others:
            message = f"{host} is defined in {len(others) + (service is not None)} namespaces; proxies took that of {now}, "
            yield Sign((others[now],), f"{message}and take that of {then}")


def _is_seen_by_all(entry: Manifest) -> bool:
    exported = [field.value for field in find(entry, "spec.exportTo[*]")]
    return not exported or "*" in exported


def _age(entry: Manifest) -> str:
    return str(first(entry, "metadata.creationTimestamp", "9"))


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("name", ""))


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", ""))


RULE = Rule(_HAZARD, _find)
