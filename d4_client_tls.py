"""D4: connections by client TLS whose server is checked only from 1.21 on."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.mesh import holds_back
from resail.models.field_path import Field, find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_VERIFY = "VERIFY_CERTIFICATE_AT_CLIENT"

_HAZARD = Hazard(
    id="D4",
    title="Client TLS without a CA or server name, which is checked or chosen automatically from 1.21 on",
    proof="provable",
    severity="warning",
    installed="<1.21.0",
    target=">=1.21.0",
    detection="A DestinationRule has mode SIMPLE or MUTUAL without a CA; or without sni, while a route sends another Host.",
    effect="Connections fail the check of the server's certificate, or reach the wrong virtual host.",
    fix="set sni and caCertificates (or insecureSkipVerify) in the rule before",
    gates=("G4",),
    undo=("U4", "U3"),
    sources=(
        "https://github.com/istio/istio/blob/1.21.0/releasenotes/notes/enable-verify-certificate-at-client.yaml",
        "https://github.com/istio/istio/blob/1.21.0/releasenotes/notes/enable-auto-sni.yaml",
        "https://github.com/istio/istio/issues/50126",
        "https://github.com/istio/istio/issues/53186",
    ),
)

_POLICIES = ("spec.trafficPolicy", "spec.subsets[*].trafficPolicy")
_TLS = tuple(f"{policy}.{place}" for policy in _POLICIES for place in ("tls", "portLevelSettings[*].tls"))
_CHECKED = ("caCertificates", "credentialName", "insecureSkipVerify")


def _find(case: Case) -> Iterator[Sign]:
    unverified = holds_back(case, "1.20", _VERIFY)
    for rule in case.all("DestinationRule.networking.istio.io"):
        host = first(rule, "spec.host")
        if not isinstance(host, str):
            continue
        for tls in _client_tls(rule):
            if not unverified and not any(first(tls.value, name) for name in _CHECKED):
                yield _unchecked(rule, tls, host)


def _client_tls(rule: Manifest) -> Iterator[Field]:
    for pattern in _TLS:
        for field in find(rule, pattern):
            if first(field.value, "mode") in ("SIMPLE", "MUTUAL"):
                yield field


def _unchecked(rule: Manifest, tls: Field, host: str) -> Sign:
    message = f"proxies begin to check the certificate of {host} against the public CAs"
    if _in_cluster(host):
        return Sign.at(rule, tls.path, f"{message}, which do not sign for hosts of a cluster", severity="blocker")
    return Sign.at(rule, tls.path, message)


def _in_cluster(host: str) -> bool:
    return "." not in host or host.endswith((".svc", ".cluster.local"))


RULE = Rule(_HAZARD, _find)
