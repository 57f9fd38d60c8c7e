"""What others manage is not written to: refusals, and what a plan says of it."""

from collections.abc import Collection, Iterable

from resail.errors import BlockedError
from resail.models.finding import Finding, FindingObject
from resail.models.identity import ObjectRef
from resail.models.plan import LabelNamespace, Step
from resail.models.snapshot import ForeignManager, MeshSnapshot

__all__ = ["foreign_namespaces", "refuse_foreign_mesh", "refuse_foreign_objects", "unread_findings"]

_THROUGH = "upgrade it through its manager"


def refuse_foreign_mesh(snapshot: MeshSnapshot) -> None:
    """Refuse a mesh that others manage as a whole.

    Raises:
        BlockedError: they do; the evidence is told.
    """
    found = [one for one in snapshot.foreign_managers if one.reach == "mesh"]
    if found:
        raise BlockedError(
            f"this mesh is managed by others, who would undo what resail writes: {_told(found)}", next_step=_THROUGH
        )


def refuse_foreign_objects(snapshot: MeshSnapshot, written: Collection[ObjectRef], releases: Collection[str] = ()) -> None:
    """Refuse to write to objects that others manage; what else they manage is no matter.

    Args:
        snapshot: the mesh.
        written: what would be.
        releases: Helm releases that would be, ``namespace/name``.

    Raises:
        BlockedError: some are managed by others; the evidence is told.
    """
    found = [one for one in snapshot.foreign_managers if one.reach == "object" and _concerns(one, written, releases)]
    if found:
        raise BlockedError(
            f"what would be upgraded is managed by others, who would undo what resail writes: {_told(found)}", next_step=_THROUGH
        )


def foreign_namespaces(snapshot: MeshSnapshot, steps: Iterable[Step]) -> tuple[Finding, ...]:
    """Namespaces whose labels the steps change and that others manage."""
    labelled = {step.namespace for step in steps if isinstance(step, LabelNamespace)}
    return tuple(
        Finding(
            id="namespace-managed-by-others",
            severity="blocker",
            message=f"{one.manager} manages namespace {one.object.name}, and would put back the labels that the plan changes",
            objects=(FindingObject("Namespace", "", one.object.name, one.field),),
            evidence=f"{one.field}: {one.value}",
            fix="let the namespace ask for a tag there, such as istio.io/rev: default, which resail moves; then plan again",
            source="https://istio.io/latest/docs/setup/upgrade/canary/#stable-revision-labels",
        )
        for one in snapshot.foreign_managers
        if one.object.kind == "Namespace" and one.object.name in labelled
    )


def unread_findings(snapshot: MeshSnapshot) -> list[Finding]:
    """What could not be seen of foreign managers."""
    return [
        Finding(
            id="foreign-managers-unread",
            severity="warning",
            message=f"whether others manage this mesh is not known in so far as {kind}s tell it",
            evidence=f"we may not list {kind}s",
            fix=f"plan with the right to list {kind}s",
        )
        for kind in snapshot.unread
    ]


def _concerns(one: ForeignManager, written: Collection[ObjectRef], releases: Collection[str]) -> bool:
    return one.object in written or one.release in releases


def _told(found: Iterable[ForeignManager]) -> str:
    return "; ".join(map(str, found))
