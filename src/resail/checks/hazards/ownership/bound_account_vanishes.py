"""bound-account-vanishes: an account or role goes with the upgrade, and others use it."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Part
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.ownership.account_users import bindings, users_of_account
from resail.checks.hazards.ownership.rendered import named, rendered_parts
from resail.models.field_path import find, first
from resail.models.identity import Manifest, ObjectRef

__all__ = ["RULE"]

_KEEP = "metadata.annotations.helm.sh/resource-policy"

_HAZARD = Hazard(
    id="bound-account-vanishes",
    title="An account or role that others use goes with the upgrade",
    proof="provable",
    severity="warning",
    installed=">=1.19.0",  # What went with 1.19 is O4's.
    methods=("helm",),
    detection="A release has a ServiceAccount or a role that the target lacks, and a workload or binding outside of it uses it.",
    effect="The workload gets no new pod, or whoever is bound loses its rights.",
    fix="point the workload or binding to what the target has, or make account or role outside of the release",
    gates=("G1", "G12"),
    undo=("U1", "U4"),
    sources=(
        "https://kubernetes.io/docs/reference/access-authn-authz/rbac/",
        "https://helm.sh/docs/topics/charts_tips_and_tricks/",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    parts = [part for part in rendered_parts(case) if part.method == "helm"]
    for part in parts:
        # In a canary the release of the old istiod stays as it is.
        if part.chart == "istiod" and case.strategy == "canary":
            continue
        for manifest in part.running:
            if _goes(manifest, parts):
                yield from _users(case, part, manifest)


def _goes(manifest: Manifest, parts: list[Part]) -> bool:
    return (
        manifest["kind"] in ("ServiceAccount", "ClusterRole", "Role")
        and first(manifest, _KEEP) != "keep"
        and all(named(part.target, manifest) is None for part in parts)
    )


def _users(case: Case, part: Part, gone: Manifest) -> Iterator[Sign]:
    ref = ObjectRef.of(gone)
    if ref.kind == "ServiceAccount":
        for workload, path in users_of_account(case, ref.namespace, ref.name):
            if named(part.running, workload) is None:
                yield Sign.at(workload, path, f"{ObjectRef.of(workload)} runs as {ref.name}, which goes with the upgrade")
    for binding in bindings(case):
        if named(part.running, binding) is None:
            seen = tuple(Seen(binding, path) for path in _uses(binding, ref))
            if seen:
                yield Sign(seen, f"{ObjectRef.of(binding)} binds {ref}, which goes with the upgrade")


def _uses(binding: Manifest, ref: ObjectRef) -> Iterator[str]:
    near = first(binding, "metadata.namespace", "")
    if ref.kind == "ServiceAccount":
        for subject in find(binding, "subjects[*]"):
            of = (first(subject.value, "kind"), first(subject.value, "namespace", near), first(subject.value, "name"))
            if of == (ref.kind, ref.namespace, ref.name):
                yield f"{subject.path}.name"
        return
    named_role = (first(binding, "roleRef.kind"), first(binding, "roleRef.name")) == (ref.kind, ref.name)
    if named_role and (ref.kind == "ClusterRole" or near == ref.namespace):
        yield "roleRef.name"


RULE = Rule(_HAZARD, _find)
