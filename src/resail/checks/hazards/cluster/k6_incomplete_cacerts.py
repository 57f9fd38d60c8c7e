"""K6: an incomplete Secret cacerts stops istiod."""

from collections.abc import Iterator
from typing import Any

from resail.checks.hazards.case import Case
from resail.checks.hazards.discovery import others_sign
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="K6",
    title="An incomplete Secret cacerts stops istiod",
    proof="provable",
    severity="blocker",
    installed="<1.26.1",
    target=">=1.26.1",
    detection="Secret cacerts has some, and not all, of ca-cert.pem, ca-key.pem, root-cert.pem and cert-chain.pem, or of "
    "tls.crt, tls.key and ca.crt; one that is empty counts as missing. Whether its chain leads to its root cannot be seen: "
    "the values of Secrets are not read.",
    effect="istiod ends with an error, where it made an authority of its own before.",
    fix="complete the Secret so that the root stays the one that the mesh trusts today; or delete it",
    gates=("G9", "G12"),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/blob/1.26.1/releasenotes/notes/check-cacerts-completeness.yaml",
        "https://github.com/istio/istio/blob/1.26.1/pilot/pkg/bootstrap/istio_ca.go",
    ),
)

_PEM = ("ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem")
_TLS = ("tls.crt", "tls.key", "ca.crt")
_EMPTY = ("", "(0 characters)", None)


def _find(case: Case) -> Iterator[Sign]:
    if others_sign(case):
        return
    homes = {plane.deployment.namespace for plane in case.snapshot.control_planes if plane.revision == case.revision}
    for secret in case.all("Secret"):
        if first(secret, "metadata.name") != "cacerts" or first(secret, "metadata.namespace") not in homes:
            continue
        data: Any = first(secret, "data")
        there = data if isinstance(data, dict) else {}
        keys = _TLS if "tls.crt" in there else _PEM
        missing = [key for key in keys if there.get(key) in _EMPTY]
        if missing and any(key in there for key in keys):
            empty = tuple(Seen(secret, f"data.{key}") for key in missing if key in there)
            yield Sign(
                empty or (Seen(secret, "data"),), f"istiod {case.target} does not start: {', '.join(missing)} is missing here"
            )


RULE = Rule(_HAZARD, _find)
