"""O3: a release that is applied server-side meets webhook fields that others write."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.ownership.field_managers import OF_THE_RELEASE, field_managers
from resail.checks.hazards.ownership.plan_changes import forced_by_plan
from resail.checks.hazards.ownership.rendered import live, rendered_parts
from resail.models.field_path import find, first
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import FieldOwnerConflict

__all__ = ["RULE"]

_ISTIOD = "pilot-discovery"

_HAZARD = Hazard(
    id="O3",
    title="Webhook fields that others write stop a server-side apply",
    proof="provable",
    severity="warning",
    methods=("helm",),
    detection=(
        "The release is applied server-side, and the chart sets failurePolicy where istiod has set another one, or "
        "namespaceSelector where another controller has."
    ),
    effect="`helm upgrade` stops at the conflict; resail overwrites these fields alone, as its plan says.",
    fix="take the webhook out of the other controller's reach, or the release goes back and forth with it",
    gates=("G2",),
    undo=("U4", "U8"),
    sources=(
        "https://github.com/istio/istio/pull/59367",
        "https://github.com/istio/istio/issues/61613",
        "https://github.com/istio/istio/issues/60497",
    ),
)
_BY_HAND = "leave it to resail; a `helm upgrade` by hand needs base.validationFailurePolicy, or --force-conflicts"


def _find(case: Case) -> Iterator[Sign]:
    for part in rendered_parts(case):
        if part.method != "helm" or first(part.source, "applyMethod") != "ssa":
            continue
        for rendered in part.target:
            there = live(case, rendered) if rendered["kind"].endswith("WebhookConfiguration") else None
            if there is not None:
                yield from _signs(rendered, there, forced_by_plan(case))


def _signs(rendered: Manifest, there: Manifest, forced: frozenset[FieldOwnerConflict]) -> Iterator[Sign]:
    managers = field_managers(there)
    ref = ObjectRef.of(there)
    for entry in find(rendered, "webhooks[*]"):
        name = first(entry.value, "name")
        for field in ("failurePolicy", "namespaceSelector"):
            path = f"webhooks[name={name}].{field}"
            new, old = first(entry.value, field), first(there, path)
            others = managers.get(path, frozenset()) - OF_THE_RELEASE
            # Of istiod's own patch nothing is left to tell where the plan overwrites it.
            istiods = FieldOwnerConflict(ref, f'.webhooks[name="{name}"].{field}', _ISTIOD)
            if new in (None, old) or not others or istiods in forced:
                continue
            if field == "failurePolicy" and others == {_ISTIOD}:
                told = f"`helm upgrade` would stop at {ref}, since istiod has set {field} to {old} and the chart sets {new}"
                yield Sign.at(there, path, told, severity="info", fix=_BY_HAND)
            else:
                who = ", ".join(sorted(others))
                yield Sign.at(there, path, f"the chart sets {field} of {ref}, which {who} has set and will set again")


RULE = Rule(_HAZARD, _find)
