"""O2: objects of another installer are in the way of a Helm release, or their fields."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Part
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.ownership.field_managers import OF_THE_RELEASE, field_managers
from resail.checks.hazards.ownership.helm_marks import adopted_by, new_release_of, release_of, signs_of_strangers
from resail.checks.hazards.ownership.plan_changes import removed_by_plan
from resail.checks.hazards.ownership.rendered import live, named, rendered_parts
from resail.models.field_path import first
from resail.models.identity import Manifest, ObjectRef

__all__ = ["RULE"]

_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")

_HAZARD = Hazard(
    id="O2",
    title="Objects or fields of another installer are in the way of a Helm release",
    proof="provable",
    severity="warning",
    methods=("helm",),
    detection=(
        "An object that a release adds is there without its marks; or, in a release that is applied server-side, another "
        "manager owns a field that the chart sets to another value."
    ),
    effect="Helm refuses the object, or stops halfway at the first conflict of fields.",
    fix="answer the plan's question, or hand the object over before: the release's marks on it, and the chart's values in it",
    gates=("G2",),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/issues/59630",
        "https://github.com/istio/istio/issues/56294",
        "https://github.com/istio/istio/issues/39646",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    for part in rendered_parts(case):
        if part.method != "helm":
            continue
        new = new_release_of(case, part)
        yield from signs_of_strangers(case, new or release_of(part), _in_the_way(case, part, () if new else part.running))
        if not new and first(part.source, "applyMethod") == "ssa":
            yield from _contested(case, part)


def _in_the_way(case: Case, part: Part, known: tuple[Manifest, ...]) -> Iterator[Manifest]:
    removed = removed_by_plan(case)
    for rendered in part.target:
        # The CRDs that come to base with 1.24 are O1's.
        if named(known, rendered) or (rendered["kind"] == "CustomResourceDefinition" and case.crosses("1.24.0")):
            continue
        there = live(case, rendered)
        if there is not None and ObjectRef.of(there) not in removed:
            yield there


def _contested(case: Case, part: Part) -> Iterator[Sign]:
    release = release_of(part)
    taken = {one.object for step in adopted_by(case, release) for one in step.fields}
    adopted = {one.object for step in adopted_by(case, release) for one in step.objects}
    for rendered in part.target:
        there = live(case, rendered)
        if there is None or rendered["kind"] in _WEBHOOKS:  # O3 has what others write to webhooks.
            continue
        ref = ObjectRef.of(there)
        if ref in adopted:
            continue
        fields = {
            path: managers - OF_THE_RELEASE
            for path, managers in field_managers(there).items()
            if managers - OF_THE_RELEASE and first(rendered, path) not in (None, first(there, path))
        }
        if fields:
            owners = ", ".join(sorted(set.union(*map(set, fields.values()))))
            does = "the plan overwrites" if ref in taken else "a plan asks whether to overwrite"
            yield Sign(
                tuple(Seen(there, path) for path in sorted(fields)),
                f"{does} {len(fields)} field{'s' if len(fields) > 1 else ''} of {ref} that {owners} set, and that release"
                f" {release} sets to other values",
                severity="info" if ref in taken else None,
            )


RULE = Rule(_HAZARD, _find)
