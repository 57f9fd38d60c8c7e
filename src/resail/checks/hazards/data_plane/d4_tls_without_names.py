"""D4: client TLS that names neither an authority nor a server name begins to check certificates."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.discovery import is_on, told_now
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.mesh import holds_back
from resail.models.field_path import find, first

__all__ = ["RULE"]

_FLAG = "VERIFY_CERTIFICATE_AT_CLIENT"

_HAZARD = Hazard(
    id="D4",
    title="Client TLS that names no authority begins to check certificates",
    proof="provable",
    severity="warning",
    installed="<1.21.0",
    target=">=1.21.0",
    detection="A DestinationRule has TLS of mode SIMPLE or MUTUAL without caCertificates, credentialName and insecureSkipVerify. "
    "A blocker where its host is in the cluster, whose certificates no public authority signs.",
    effect="Connections fail whose certificate is of no authority of the system, or for another name.",
    fix="name the authority (caCertificates), or set insecureSkipVerify; and sni where routes send another host",
    gates=("G4",),
    undo=("U3", "U4"),
    sources=(
        "https://github.com/istio/istio/blob/master/releasenotes/notes/enable-verify-certificate-at-client.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/enable-auto-sni.yaml",
        "https://github.com/istio/istio/issues/50126",
        "https://github.com/istio/istio/issues/53186",
    ),
)

_POLICIES = (
    "spec.trafficPolicy",
    "spec.trafficPolicy.portLevelSettings[*]",
    "spec.subsets[*].trafficPolicy",
    "spec.subsets[*].trafficPolicy.portLevelSettings[*]",
)
_CHECKS = {"SIMPLE": ("caCertificates", "credentialName"), "MUTUAL": ("caCertificates", "credentialName")}


def _find(case: Case) -> Iterator[Sign]:
    if holds_back(case, "1.20", _FLAG) or is_on(told_now(case, _FLAG)):
        return
    services = {(one["metadata"].get("namespace"), one["metadata"].get("name")) for one in case.all("Service")}
    for rule in case.all("DestinationRule.networking.istio.io"):
        host = first(rule, "spec.host")
        for pattern in _POLICIES:
            for tls in find(rule, f"{pattern}.tls"):
                if _is_checked_anew(tls.value):
                    inside = isinstance(host, str) and _is_inside(host, rule["metadata"].get("namespace", ""), services)
                    where = "a Service of the cluster" if inside else "outside the cluster"
                    message = f"certificates of {host}, {where}, begin to be checked against public authorities"
                    yield Sign.at(rule, tls.path, message, severity="blocker" if inside else "warning")


def _is_checked_anew(tls: object) -> bool:
    mode = first(tls, "mode")
    if not isinstance(mode, str) or mode not in _CHECKS or first(tls, "insecureSkipVerify") is True:
        return False
    return not any(first(tls, name) for name in _CHECKS[mode])


def _is_inside(host: str, namespace: str, services: set[tuple[object, object]]) -> bool:
    """Is it ``ledger``, ``ledger.shop`` or ``ledger.shop.svc.…`` of a Service?"""
    name, _, rest = host.partition(".")
    of, _, tail = rest.partition(".")
    return (of or namespace, name) in services and (not tail or tail.split(".")[0] == "svc")


RULE = Rule(_HAZARD, _find)
