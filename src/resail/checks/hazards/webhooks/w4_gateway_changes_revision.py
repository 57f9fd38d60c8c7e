"""W4: a Gateway goes from one revision to another while an older istiod still serves its pods."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.webhooks.end_state import revision_after
from resail.checks.hazards.webhooks.gateways import gateways, pointer_after, pointer_before
from resail.checks.injection import revision_behind
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="W4",
    title="A Gateway that changes its revision loses its routes for a while",
    proof="provable",
    severity="blocker",
    installed="<1.30.2,!=1.29.5,!=1.29.6,!=1.29.7",
    strategies=("canary",),
    detection="A tag or label that moves leads a Gateway of the Gateway API with pods from an istiod older than 1.29.5 or "
    "1.30.2 to another revision.",
    effect="The old istiod sends an empty configuration to the pods that are still connected to it: requests fail for about "
    "half a minute.",
    fix="bring up a second Gateway for the new revision, and shift DNS or the load balancer to it",
    gates=("G4", "G10"),
    undo=("U2",),
    sources=(
        "https://github.com/istio/istio/issues/59959",
        "https://github.com/istio/istio/issues/56321",
        "https://github.com/istio/istio/issues/52105",
    ),
)

_NAMES = ("gateway.networking.k8s.io/gateway-name", "istio.io/gateway-name")


def _find(case: Case) -> Iterator[Sign]:
    for gateway in gateways(case):
        pointer, (holder, path) = pointer_before(case, gateway)
        before, after = revision_behind(case.snapshot, pointer), revision_after(case, pointer_after(case, gateway))
        if before == case.revision and after not in ("", before) and _has_pods(case, gateway):
            message = (
                f"its pods lose their routes when it goes from revision {before} to {after}: istiod {case.installed} empties it"
            )
            yield Sign((Seen(holder, path), *(() if holder is gateway else (Seen(gateway, ""),))), message)


def _has_pods(case: Case, gateway: Manifest) -> bool:
    """Of its own, or behind the Service that it names as its address."""
    if any(True for _ in find(gateway, "spec.addresses[0]")):
        return True
    namespace, name = first(gateway, "metadata.namespace"), first(gateway, "metadata.name")
    own = (pod for pod in case.all("Pod") if first(pod, "metadata.namespace") == namespace)
    return any(first(pod, f"metadata.labels.{key}") == name for pod in own for key in _NAMES)


RULE = Rule(_HAZARD, _find)
