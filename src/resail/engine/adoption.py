"""Objects and fields of others that a release takes over: given to it, and given back."""

from resail.cluster import FIELD_MANAGER, get_if_there
from resail.engine.context import Context, Done
from resail.engine.preconditions import check_preconditions
from resail.models.essence import essence, excerpt
from resail.models.identity import Manifest, ObjectRef
from resail.models.journal import CallIntent
from resail.models.merge_patch import merge_patch
from resail.models.plan import AdoptObjects, GiveBack

__all__ = ["do_adopt", "undo_adopt"]

_CRD = "CustomResourceDefinition"
"""Undoing leaves its schema at the target: an older one would prune what newer objects hold."""


async def do_adopt(context: Context, step: AdoptObjects) -> Done:
    """Give the objects the marks of the release; its own step overwrites the fields."""
    marks = {"labels": step.labels, "annotations": step.annotations}
    for one in step.objects:
        live = await get_if_there(context.reader, one.object)
        if live is None or not _bears(live, marks):
            # Undoing makes it what the plan saw, so that is what it must be.
            await check_preconditions(context, step, only=one.object)
            await context.writer.patch(one.object, {"metadata": marks})
    return Done(f"{len(step.objects)} objects are of {step.release}")


async def undo_adopt(context: Context, step: AdoptObjects) -> Done:
    """Make the objects and the fields what they were, where this run touched them."""
    assert isinstance(step.undo, GiveBack)
    touched = _touched(context, step.id)
    for former in context.objects(step.undo.objects):
        if str(ObjectRef.of(former)) in touched:
            await _restore(context, former)
    for part in context.objects(step.undo.fields):
        ref = ObjectRef.of(part)
        live = await get_if_there(context.reader, ref)
        paths = [one.field for one in step.fields if one.object == ref]
        if live is not None and ref.kind != _CRD and excerpt(live, paths) != part:
            await context.writer.apply(part, manager=FIELD_MANAGER, force=True)
    return Done("what was taken over is as it was")


async def _restore(context: Context, former: Manifest) -> None:
    ref = ObjectRef.of(former)
    live = await get_if_there(context.reader, ref)
    if live is None:
        await context.writer.create(former)
        return
    now = essence(live)
    wanted = {**now, "metadata": former["metadata"]} if ref.kind == _CRD else former
    if patch := merge_patch(now, wanted):
        await context.writer.patch(ref, patch)


def _touched(context: Context, step: str) -> set[str]:
    """Objects that the step has begun to write."""
    bodies = [entry.body for entry in context.journal.entries(context.run)]
    return {body.object for body in bodies if isinstance(body, CallIntent) and body.step == step}


def _bears(live: Manifest, marks: dict[str, dict[str, str]]) -> bool:
    metadata = live["metadata"]
    return all(marks[field].items() <= (metadata.get(field) or {}).items() for field in marks)
