"""N9: 1.28 reads BackendTLSPolicy and InferencePool as v1, and no longer as before."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.cluster.gateway_api import alpha_is_on, definition, serves
from resail.checks.hazards.discovery import is_on, told_now
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="N9",
    title="BackendTLSPolicy and InferencePool are read as v1 alone",
    proof="provable",
    severity="warning",
    installed="<1.28.0",
    target=">=1.28.0",
    detection="BackendTLSPolicies that istiod reads today, and a CRD that does not serve v1; ones that it does not read today, "
    "and a CRD that does; or InferencePools of group inference.networking.x-k8s.io alone.",
    effect="TLS to these backends, or the pools, end; or TLS begins where nobody expects it.",
    fix="install CRDs that serve v1, and convert the objects, together with istiod",
    gates=("G2", "G4"),
    undo=("U7", "U11"),
    sources=(
        "https://github.com/istio/istio/blob/1.28.0/pkg/config/schema/metadata.yaml",
        "https://github.com/istio/istio/blob/1.28.0/releasenotes/notes/gtw-140.yaml",
        "https://github.com/istio/istio/blob/1.28.0/releasenotes/notes/57219.yaml",
    ),
)

_FLAG_OF_POOLS = "ENABLE_GATEWAY_API_INFERENCE_EXTENSION"


def _find(case: Case) -> Iterator[Sign]:
    yield from _policies(case)
    yield from _pools(case)


def _policies(case: Case) -> Iterator[Sign]:
    crd = definition(case, "backendtlspolicies.gateway.networking.k8s.io")
    policies = case.all("BackendTLSPolicy.gateway.networking.k8s.io")
    if crd is None or not policies or alpha_is_on(case) == serves(crd, "v1"):
        return
    known = Seen(crd, "spec.versions")
    for policy in policies:
        if serves(crd, "v1"):
            yield Sign((Seen(policy, ""), known), "it begins to count: istiod reads no BackendTLSPolicy today, and will read v1")
        else:
            yield Sign((Seen(policy, ""), known), "it no longer counts: the new istiod reads v1, which its CRD does not serve")


def _pools(case: Case) -> Iterator[Sign]:
    if not is_on(told_now(case, _FLAG_OF_POOLS)):
        return
    there = {_name(one) for one in case.all("InferencePool.inference.networking.k8s.io")}
    for pool in case.all("InferencePool.inference.networking.x-k8s.io"):
        if _name(pool) not in there:
            yield Sign.at(
                pool, "apiVersion", "the new istiod reads InferencePools of inference.networking.k8s.io/v1, and not this one"
            )


def _name(pool: dict[str, object]) -> str:
    return f"{first(pool, 'metadata.namespace')}/{first(pool, 'metadata.name')}"


RULE = Rule(_HAZARD, _find)
