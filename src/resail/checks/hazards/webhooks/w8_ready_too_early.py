"""W8: istiod is ready before its webhooks answer."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import find, first
from resail.models.identity import ObjectRef

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="W8",
    title="istiod is ready before its webhooks answer",
    proof="indicative",
    severity="info",
    target="<1.31.0",
    # A canary's new istiod has no callers before it was seen to inject.
    strategies=("in-place",),
    detection="The target is older than 1.31.0, istiod has a single replica, and its webhooks have failurePolicy Fail.",
    effect="For some seconds after the rollout requests to create pods or Istio objects may time out.",
    fix="run two replicas of istiod, and try again what was refused",
    gates=("G6",),
    undo=("U11",),
    sources=(
        "https://github.com/istio/istio/issues/61049",
        "https://github.com/istio/istio/blob/1.31.0-rc.0/releasenotes/notes/61049.yaml",
    ),
)

_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def _find(case: Case) -> Iterator[Sign]:
    single = {one.deployment: one for one in case.snapshot.control_planes if one.revision == case.revision and one.replicas == 1}
    closed = _closed(case)
    for manifest in case.all("Deployment.apps"):
        if ObjectRef.of(manifest) in single and closed:
            path = "spec.replicas" if first(manifest, "spec.replicas") is not None else ""
            message = "its one replica may be ready some seconds before its webhooks answer, which refuse what they cannot judge"
            yield Sign((Seen(manifest, path), closed), message)


def _closed(case: Case) -> Seen | None:
    """A webhook of this revision that refuses what it cannot ask about."""
    hooks = {one.ref for one in case.snapshot.webhooks if one.revision == case.revision}
    for kind in _WEBHOOKS:
        for manifest in case.all(f"{kind}.admissionregistration.k8s.io"):
            for policy in find(manifest, "webhooks[*].failurePolicy") if ObjectRef.of(manifest) in hooks else ():
                if policy.value == "Fail":
                    return Seen(manifest, policy.path)
    return None


RULE = Rule(_HAZARD, _find)
