"""What of others is in the way of a plan, put onto a copy of its mesh: a snapshot does not tell of it, but the plan does."""

from collections.abc import Iterable

from resail.cluster import ClusterWriter
from resail.models.essence import excerpt
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import AdoptObjects, FieldOwnerConflict, GiveBack, HelmChange, PlanFiles

__all__ = ["put_in_the_way"]

_SOMEBODY = "kubectl"
"""Field manager of an object none of whose fields is contested."""


async def put_in_the_way(writer: ClusterWriter, files: PlanFiles) -> None:
    """Make the objects that the plan adopts, and give the fields that it takes to their owners.

    An adopted object is given to one owner, since what the plan tells of others is no more than the fields that it overwrites.
    """
    changes = [getattr(step, "change", None) for step in files.plan.steps]
    forced = {conflict for change in changes if isinstance(change, HelmChange) for conflict in change.forced}
    for step in files.plan.steps:
        if not isinstance(step, AdoptObjects):
            continue
        assert isinstance(step.undo, GiveBack)
        for manifest in files.manifests[step.undo.objects]:
            owners = sorted(one.manager for one in _of(manifest, forced))
            await writer.apply(manifest, manager=next(iter(owners), _SOMEBODY))
        for part in files.manifests[step.undo.fields]:
            await _give(writer, part, _of(part, step.fields))


def _of(manifest: Manifest, conflicts: Iterable[FieldOwnerConflict]) -> list[FieldOwnerConflict]:
    return [one for one in conflicts if one.object == ObjectRef.of(manifest)]


async def _give(writer: ClusterWriter, part: Manifest, conflicts: Iterable[FieldOwnerConflict]) -> None:
    for manager in sorted({one.manager for one in conflicts}):
        own = excerpt(part, [one.field for one in conflicts if one.manager == manager])
        assert own is not None, "the part was made of these fields"
        await writer.apply(own, manager=manager, force=True)
