"""Tags and namespace labels: what new pods ask for."""

from collections.abc import Sequence
from typing import Any

from resail.engine.context import Context, Done, StepFailedError
from resail.engine.preconditions import check_preconditions
from resail.errors import ApiConflictError
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import LabelNamespace, MoveTag, RelabelNamespace, TagBack

__all__ = ["do_label", "do_tag", "undo_label", "undo_tag"]

_ATTEMPTS = 5
_POLL = 0.5  # seconds
_REVISION = "istio.io/rev"


async def do_tag(context: Context, step: MoveTag) -> Done:
    """Point the tag's webhook to the new revision, and with the tag ``default`` its validator."""
    webhooks = context.objects(step.manifests)
    if await _points_to(context, webhooks[0]) != step.to_revision:
        await check_preconditions(context, step)
    return await _replace_all(context, webhooks, step.ready_timeout)


async def undo_tag(context: Context, step: MoveTag) -> Done:
    """Put the tag's webhook back as it was."""
    assert isinstance(step.undo, TagBack)
    webhooks = context.objects(step.undo.manifests)
    pointed = await _points_to(context, webhooks[0])
    if pointed not in (step.to_revision, step.from_revision):
        raise StepFailedError(
            f"it points to {pointed or 'nothing'}, so somebody moved it meanwhile",
            on=f"tag {step.tag}",
            next_step="put it where it should point, then run `resail resume`",
        )
    return await _replace_all(context, webhooks, step.ready_timeout)


async def do_label(context: Context, step: LabelNamespace) -> Done:
    """Change the namespace's labels."""
    if not await _has_labels(context, step.namespace, step.labels):
        await check_preconditions(context, step)
    return await _label(context, step.namespace, step.labels)


async def undo_label(context: Context, step: LabelNamespace) -> Done:
    """Put the namespace's labels back."""
    assert isinstance(step.undo, RelabelNamespace)
    return await _label(context, step.namespace, step.undo.labels)


async def _points_to(context: Context, webhook: Manifest) -> str:
    live = await context.reader.get(ObjectRef.of(webhook))
    return str((live["metadata"].get("labels") or {}).get(_REVISION, ""))


async def _replace_all(context: Context, webhooks: Sequence[Manifest], timeout: float) -> Done:
    done = [await _replace(context, webhook, timeout) for webhook in webhooks]
    return done[0]


async def _replace(context: Context, webhook: Manifest, timeout: float) -> Done:
    """Make the live webhook configuration this one, with the CA bundle that istiod put in.

    A merge patch replaces the list of webhooks whole, so that none of the old revision's stays.
    """
    ref = ObjectRef.of(webhook)
    for attempt in range(_ATTEMPTS):
        live = await context.reader.get(ref)
        patch = _patch(live, webhook)
        if patch is None:
            break
        try:
            await context.writer.patch(ref, patch)
        except ApiConflictError:
            # istiod wrote to it in between; look again.
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            break
    deadline = context.clock.monotonic() + timeout
    while not _has_ca(await context.reader.get(ref)):
        if context.clock.monotonic() > deadline:
            raise StepFailedError("istiod does not give it a CA bundle", on=str(ref), next_step="see istiod's log")
        await context.clock.sleep(_POLL)
    return Done(f"{ref.name} points to {webhook['metadata']['labels'][_REVISION]}")


def _patch(live: Manifest, webhook: Manifest) -> Manifest | None:
    """The merge patch from one to the other; None where nothing differs."""
    metadata: dict[str, Any] = {}
    for field in ("labels", "annotations"):
        before = live["metadata"].get(field) or {}
        after = webhook["metadata"].get(field) or {}
        changed = {key: after.get(key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        if changed:
            metadata[field] = changed
    entries = _with_ca(live, webhook)
    same = [_essence(entry) for entry in live.get("webhooks") or ()] == [_essence(entry) for entry in entries]
    if not metadata and same:
        return None
    metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
    return {"metadata": metadata} if same else {"metadata": metadata, "webhooks": entries}


def _with_ca(live: Manifest, webhook: Manifest) -> list[dict[str, Any]]:
    bundles = {entry["name"]: entry["clientConfig"].get("caBundle") for entry in live.get("webhooks") or ()}
    any_bundle = next(filter(None, bundles.values()), None)
    entries = []
    for entry in webhook["webhooks"]:
        bundle = bundles.get(entry["name"]) or any_bundle
        client = {**entry["clientConfig"], **({"caBundle": bundle} if bundle else {})}
        entries.append({**entry, "clientConfig": client})
    return entries


def _essence(entry: dict[str, Any]) -> tuple[Any, ...]:
    """What of a webhook a tag decides; the rest is defaulted by the API server or patched by istiod."""
    service = entry["clientConfig"].get("service") or {}
    return (
        entry["name"],
        service.get("name"),
        service.get("namespace"),
        service.get("path"),
        entry["clientConfig"].get("url"),
        entry.get("namespaceSelector"),
        entry.get("objectSelector"),
        entry.get("failurePolicy"),
        entry.get("reinvocationPolicy"),
    )


def _has_ca(live: Manifest) -> bool:
    return all(entry["clientConfig"].get("caBundle") for entry in live.get("webhooks") or ())


async def _has_labels(context: Context, namespace: str, labels: dict[str, str | None]) -> bool:
    live = await context.reader.get(ObjectRef("v1", "Namespace", "", namespace))
    present = live["metadata"].get("labels") or {}
    return all(present.get(label) == value for label, value in labels.items())


async def _label(context: Context, namespace: str, labels: dict[str, str | None]) -> Done:
    if await _has_labels(context, namespace, labels):
        return Done("it has these labels")
    await context.writer.patch(ObjectRef("v1", "Namespace", "", namespace), {"metadata": {"labels": labels}})
    return Done(f"namespace {namespace} is labelled")
