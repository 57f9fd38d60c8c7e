"""W3: a Gateway names no revision, and the mesh has no default one."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.span import within
from resail.checks.hazards.webhooks.end_state import revision_after
from resail.checks.hazards.webhooks.gateways import gateways, pointer_after, pointer_before
from resail.checks.injection import DEFAULT, revision_behind
from resail.models.plan import MoveValidator

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="W3",
    title="A Gateway names no revision, and none is the default one",
    proof="provable",
    severity="blocker",
    target=">=1.24.3",
    detection="The new istiod runs under a named revision, a Gateway of the Gateway API and its namespace have no label "
    "istio.io/rev, and no tag default leads to it. defaultRevision alone counts from 1.25.5, 1.26.4 and 1.27.1 on.",
    effect="The new istiod passes the Gateway over: its listeners and routes vanish from the proxy.",
    fix="set the tag default to the revision that serves, or label the Gateway or its namespace with it",
    gates=("G8", "G10"),
    undo=("U9", "U2"),
    sources=(
        "https://github.com/istio/istio/issues/55372",
        "https://github.com/istio/istio/issues/55392",
        "https://github.com/istio/istio/issues/55897",
        "https://github.com/istio/istio/issues/56767",
    ),
)

_SINCE = ">=1.24.3"
_IGNORES_DEFAULT_REVISION = ("<1.25.5", ">=1.26.0,<1.26.4", ">=1.27.0,<1.27.1")


def _find(case: Case) -> Iterator[Sign]:
    if case.new_revision == DEFAULT or revision_after(case, DEFAULT) or _default_revision_counts(case):
        return
    if within(case.installed, _SINCE) and not revision_behind(case.snapshot, DEFAULT):
        return  # it is passed over today
    for gateway in gateways(case):
        if pointer_before(case, gateway)[0] == pointer_after(case, gateway) == DEFAULT:
            yield Sign(
                (Seen(gateway, "spec.gatewayClassName"),),
                f"istiod {case.target}, revision {case.new_revision}, would pass it over: it names no revision, and no tag "
                "default is there",
            )


def _default_revision_counts(case: Case) -> bool:
    """Is it set, and does the target's istiod take it for the tag default?"""
    if any(within(case.target, span) for span in _IGNORES_DEFAULT_REVISION):
        return False
    moved = any(isinstance(step, MoveValidator) for step in case.steps or ())
    return moved or any(one.value == case.new_revision for one in case.settings("defaultRevision"))


RULE = Rule(_HAZARD, _find)
