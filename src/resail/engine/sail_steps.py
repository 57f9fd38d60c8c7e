"""Steps of the Sail Operator: its resource gets another wish, and the operator follows it.

What is waited for are its conditions: https://github.com/istio-ecosystem/sail-operator/blob/main/docs/general/getting-started.md
"""

from resail.engine.context import Context, Done, StepFailedError
from resail.engine.preconditions import check_preconditions
from resail.engine.settling import settled
from resail.models.identity import Manifest, ObjectRef
from resail.models.merge_patch import patched
from resail.models.plan import InstallerStep, PatchBack, SailChange
from resail.snapshot.sail import active_revision, unfinished

__all__ = ["do_sail", "undo_sail"]

_POLL = 0.5  # seconds
_NEVER = ("ReconcileError", "NameAlreadyExists", "RefNotFound")
_GRACE = 20.0  # seconds for which the operator must call an attempt failed: it tries again by itself


async def do_sail(context: Context, step: InstallerStep, change: SailChange) -> Done:
    """Patch the resource, unless it wishes so already, and wait until the operator has followed."""
    if not _has(await context.reader.get(change.resource), change.patch):
        await check_preconditions(context, step)
        await context.writer.patch(change.resource, change.patch)
    await _followed(context, step, change.resource, change.revision)
    await settled(context, step, context.objects(change.manifests))
    return Done(f"{change.resource} is at {change.to_version}", restarted=tuple(map(str, change.replaced)))


async def undo_sail(context: Context, step: InstallerStep, change: SailChange) -> Done:
    """Give the resource its former wishes, unless it has them or somebody gave it others."""
    assert isinstance(step.undo, PatchBack)
    live = await context.reader.get(change.resource)
    if _has(live, step.undo.patch):
        await _followed(context, step, change.resource, "")
        return Done("it is as it was", skipped=True)
    if not _has(live, change.patch):
        raise StepFailedError(
            "it wishes neither what the step wrote nor what was before, so somebody changed it meanwhile",
            on=str(change.resource),
            next_step="put it back as it should be, then run `resail resume`",
        )
    await context.writer.patch(change.resource, step.undo.patch)
    await _followed(context, step, change.resource, "")
    return Done(f"{change.resource} is back at {change.from_version}")


async def _followed(context: Context, step: InstallerStep, resource: ObjectRef, revision: str) -> None:
    """Wait until the operator says that it has done what is wished.

    Raises:
        StepFailedError: it says that it cannot, or does not say anything in time.
    """
    deadline = context.clock.monotonic() + step.ready_timeout
    failing_since: float | None = None
    told = ""
    while True:
        live = await context.reader.get(resource)
        why = _unfinished(live, revision)
        if not why:
            return
        if why != told:
            context.tell(step.id, f"{resource}: {why}")
            told = why
        now = context.clock.monotonic()
        failing_since = None if not _fails(live) else failing_since if failing_since is not None else now
        if now > deadline or (failing_since is not None and now - failing_since >= _GRACE):
            raise StepFailedError(
                f"the Sail Operator does not get it ready: {why}",
                on=str(resource),
                next_step="see its status and the operator's log; then `resail resume`, or `resail rollback`",
            )
        await context.clock.sleep(_POLL)


def _unfinished(live: Manifest, revision: str) -> str:
    """What is still missing; empty where nothing is."""
    active = active_revision(live)
    if revision and active and active != revision:
        return unfinished(live) or f"revision {active} is active, not {revision}"
    return unfinished(live)


def _fails(live: Manifest) -> bool:
    return any(one.get("reason") in _NEVER for one in (live.get("status") or {}).get("conditions") or ())


def _has(live: Manifest, patch: Manifest) -> bool:
    """Would the merge patch change nothing?"""
    return bool(patched(live, patch) == live)
