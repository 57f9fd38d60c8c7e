"""D10: keys for tokens that istiod cannot fetch; and, in early 1.21, audiences in lists."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.span import within
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="D10",
    title="Keys for tokens that istiod cannot fetch; in early 1.21, audiences in lists",
    proof="indicative",
    severity="warning",
    detection="(a) A rule has its keys fetched by istiod, and a NetworkPolicy with egress rules selects istiod's pods. (b) The "
    "target is 1.21.0 to 1.21.2, and a policy compares request.auth.audiences. Whether a host answers no API shows: the "
    "checklist asks.",
    effect="(a) Every token of that provider is refused, since istiod hands out a placeholder for its keys. (b) Tokens with "
    "several audiences are refused.",
    fix="(a) see from istiod's namespace that the keys can be fetched, mount the authority, or write the keys into the rule "
    "(jwks); (b) go to 1.21.3",
    gates=("G12", "G4"),
    undo=("U4", "U7"),
    sources=(
        "https://github.com/istio/istio/issues/54018",
        "https://github.com/istio/istio/issues/49913",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/jwt-aud.yaml",
    ),
)

_AUDIENCES = ">=1.21.0,<1.21.3"
_CONDITION = "request.auth.audiences"


def _find(case: Case) -> Iterator[Sign]:
    fence = next(_fences(case), None)
    if fence is not None:
        for request in case.all("RequestAuthentication.security.istio.io"):
            for rule in find(request, "spec.jwtRules[*]"):
                source = "jwksUri" if first(rule.value, "jwksUri") else "issuer"
                if not first(rule.value, "jwks") and first(rule.value, source):
                    seen = (Seen(request, f"{rule.path}.{source}"), fence)
                    message = f"istiod fetches the keys of {first(rule.value, source)}, and a NetworkPolicy limits its egress"
                    yield Sign(seen, message)
    if within(case.target, _AUDIENCES) and not within(case.installed, _AUDIENCES):
        for policy in case.all("AuthorizationPolicy.security.istio.io"):
            for field in find(policy, "spec.rules[*].when[*].key"):
                if field.value == _CONDITION:
                    yield Sign.at(policy, field.path, f"{case.target} compares it wrongly where a token has several audiences")


def _fences(case: Case) -> Iterator[Seen]:
    """NetworkPolicies that limit what istiod may reach."""
    homes = {plane.deployment.namespace for plane in case.snapshot.control_planes}
    for policy in case.all("NetworkPolicy.networking.k8s.io"):
        if policy["metadata"].get("namespace") in homes and _selects_istiod(policy):
            for field in find(policy, "spec.policyTypes[*]"):
                if field.value == "Egress":
                    yield Seen(policy, field.path)


def _selects_istiod(policy: Manifest) -> bool:
    labels = first(policy, "spec.podSelector.matchLabels")
    return not labels or (isinstance(labels, dict) and labels.get("app", "istiod") == "istiod")


RULE = Rule(_HAZARD, _find)
