"""What of others is in the way of a plan, put onto a copy of its mesh: a snapshot does not tell of it, but the plan does."""

from resail.cluster import ClusterWriter
from resail.models.identity import ObjectRef
from resail.models.plan import AdoptObjects, GiveBack, PlanFiles

__all__ = ["put_in_the_way"]


async def put_in_the_way(writer: ClusterWriter, files: PlanFiles) -> None:
    """Make the objects that the plan adopts, and give the fields that it takes to their owners."""
    for step in files.plan.steps:
        if not isinstance(step, AdoptObjects):
            continue
        assert isinstance(step.undo, GiveBack)
        for manifest in files.manifests[step.undo.objects]:
            await writer.create(manifest)
        for part in files.manifests[step.undo.fields]:
            owners = [one.manager for one in step.fields if one.object == ObjectRef.of(part)]
            await writer.apply(part, manager=owners[0], force=True)
