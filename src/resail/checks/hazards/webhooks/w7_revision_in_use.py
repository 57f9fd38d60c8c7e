"""W7: the plan removes a revision that is still in use then."""

from collections.abc import Iterator
from typing import Any

import msgspec

from resail.checks.connected import still_asked_for
from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.parts import helm_release_object
from resail.checks.hazards.webhooks.end_state import changes_of, namespaces_after, tags_after
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import RemoveRevision, RestartWave, UpgradeGateway
from resail.models.snapshot import HelmRelease, MeshSnapshot

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="W7",
    title="A revision is removed while something still uses it",
    proof="provable",
    # No blocker: resail removes nothing that is in use, its run halts there.
    severity="warning",
    strategies=("canary",),
    detection="The plan removes a revision, and after its restarts, tags and labels a proxy, a label or an address still leads "
    "to it.",
    effect="The run halts before the removal. Where another removes it, such proxies keep their last configuration, and fail "
    "when their certificate ends or they restart.",
    fix="restart or relabel what is left first, or plan without --remove-old",
    gates=("G3", "G12"),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/blob/1.30.3/operator/cmd/mesh/uninstall.go",
        "https://github.com/istio/istio/issues/26432",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    plan, then = case.plan, _just_before(case)
    for index, step in enumerate(case.steps or ()):
        if isinstance(step, RemoveRevision):
            for reason in still_asked_for(then, step.revision, _going(case, step)):
                yield Sign.at(plan, f"steps[{index}].revision", f"revision {step.revision} is to be removed, and {reason}")


def _going(case: Case, step: RemoveRevision) -> list[Manifest]:
    """Its objects; of those that are not known whole, as much as names them."""
    known = {ObjectRef.of(one): one for release in case.snapshot.helm_releases for one in release.objects}
    refs = [change.object for change in step.objects]
    return [known.get(ref) or _named(ref) for ref in refs]


def _named(ref: ObjectRef) -> Manifest:
    metadata: dict[str, Any] = {"namespace": ref.namespace, "name": ref.name}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}


def _just_before(case: Case) -> MeshSnapshot:
    """The mesh once everything but the removal is done. Webhooks are left out: W1 looks at them."""
    steps, snapshot = case.steps or (), case.snapshot
    restarted = {one.workload for step in steps if isinstance(step, RestartWave) for one in step.restarts}
    written = {step.workload for step in steps if isinstance(step, UpgradeGateway)}
    written |= {one.object for step in steps if not isinstance(step, RemoveRevision) for one in changes_of(step)}
    written |= {plane.deployment for plane in snapshot.control_planes}
    tags, relabelled = tags_after(case), namespaces_after(case)
    return msgspec.structs.replace(
        snapshot,
        tags=tuple(msgspec.structs.replace(tag, revision=tags[tag.tag]) for tag in snapshot.tags),
        namespaces=tuple(relabelled.get(one.name, one) for one in snapshot.namespaces),
        workloads=tuple(
            msgspec.structs.replace(one, pods=()) if one.ref in restarted else one
            for one in snapshot.workloads
            if one.ref not in written
        ),
        webhooks=(),
        helm_releases=tuple(_upgraded(case, one) for one in snapshot.helm_releases),
    )


def _upgraded(case: Case, release: HelmRelease) -> HelmRelease:
    """With what the target renders; with nothing, where a step brings it on and that is not known."""
    own = ObjectRef.of(helm_release_object(release))
    for part in case.parts:
        if ObjectRef.of(part.source) == own and part.rendered is not None:
            return msgspec.structs.replace(release, objects=part.rendered)
    written = {one.object for step in case.steps or () for one in changes_of(step)}
    kept = tuple(one for one in release.objects if ObjectRef.of(one) not in written)
    return msgspec.structs.replace(release, objects=kept)


RULE = Rule(_HAZARD, _find)
