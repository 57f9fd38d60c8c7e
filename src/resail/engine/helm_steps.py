"""Steps that change a Helm release: do, reconcile after a crash, undo."""

import contextlib
from pathlib import Path

from resail.engine.context import Context, Done, StepFailedError
from resail.engine.crd_guard import keep_crds_that_would_go, refuse_to_drop_used_crds
from resail.engine.preconditions import check_preconditions
from resail.engine.settling import CRD, keep_crds, refuse_connected, settled, settled_back, take_marks_back
from resail.errors import NotFoundError
from resail.installers.detect import owner_of
from resail.installers.interface import ReleaseState
from resail.models.encoding import manifest_digest
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import HelmChange, InstallerStep, ReleaseIs, RollbackRelease, UninstallRelease

__all__ = ["do_helm", "undo_helm"]


async def do_helm(context: Context, step: InstallerStep, change: HelmChange) -> Done:
    """Bring the release to what the plan says, unless it is there already, and wait for its workloads."""
    release = f"{change.namespace}/{change.release}"
    objects = context.objects(change.manifests)
    await context.installer.recover(release, run=context.run)
    state = await context.installer.state(release)
    if not _reached(state, change, manifest_digest(objects), context.run):
        if state is None or state.run != context.run:
            await check_preconditions(context, step)
        if state is None and context.installer.half_done(release):
            # Its istiod may run by now and own fields of its webhooks, which installing it over again would meet as conflicts.
            await _remove_added(context, change)
        if dropped := {each.object for each in change.objects if each.change == "remove" and each.object.kind == CRD}:
            stored = [one for one in await context.installer.manifest(release) if ObjectRef.of(one) in dropped]
            await refuse_to_drop_used_crds(context.reader, stored, f"Helm release {release}")
        charts = Path(context.releases[step.hop].directory) / "charts"
        state = await context.installer.apply(change, objects, charts, run=context.run)
        if state.manifest_digest != manifest_digest(objects):
            raise StepFailedError(
                "Helm rendered something else than the plan shows",
                on=f"Helm release {release}",
                next_step="`resail rollback` undoes it; then plan again",
            )
    await settled(context, step, objects)
    return Done(f"{release} is at {change.to_version}", restarted=tuple(map(str, change.replaced)))


async def undo_helm(context: Context, step: InstallerStep, change: HelmChange) -> Done:
    """Put the release back, unless it is there already or is no longer ours."""
    release = f"{change.namespace}/{change.release}"
    await take_marks_back(context, step)
    await context.installer.recover(release, run=context.run)
    state = await context.installer.state(release)
    match step.undo:
        case UninstallRelease():
            return await _uninstall(context, step, change, state)
        case RollbackRelease(to_revision=to_revision):
            return await _roll_back(context, step, change, state, to_revision)
        case _:
            raise AssertionError(f"a Helm step is not undone by {step.undo}")


def _reached(state: ReleaseState | None, change: HelmChange, digest: str, run: str) -> bool:
    if state is None or state.status != "deployed" or state.run != run:
        return False
    # Two hops may render the same.
    return (state.manifest_digest, state.chart_version) == (digest, change.to_version)


async def _uninstall(context: Context, step: InstallerStep, change: HelmChange, state: ReleaseState | None) -> Done:
    release = f"{change.namespace}/{change.release}"
    if state is None:
        removed = await _remove_added(context, change)
        return Done("it is not installed", skipped=not removed)
    if state.run != context.run:
        raise _not_ours(release, state)
    await refuse_connected(context, context.hop_of(step).to_revision, f"Helm release {release}")
    await refuse_to_drop_used_crds(context.reader, await context.installer.manifest(release), f"Helm release {release}")
    await context.installer.uninstall(release)
    return Done(f"{release} is gone")


async def _roll_back(
    context: Context, step: InstallerStep, change: HelmChange, state: ReleaseState | None, to_revision: int
) -> Done:
    release = f"{change.namespace}/{change.release}"
    if state is None:
        raise StepFailedError("it is gone", on=f"Helm release {release}", next_step="install it again, then `resail resume`")
    goal = await context.installer.manifest(release, to_revision)
    stands = state.status == "deployed" and state.manifest_digest == manifest_digest(goal)
    half_done = context.installer.half_done(release)
    # Where an action was cut short and its record cleared away, the revision before it stands again, but not its objects.
    if stands and not half_done:
        skipped = state.run != context.run and state.revision == _planned_revision(step)
        return Done("it is as it was", skipped=skipped)
    if not stands and state.run != context.run:
        raise _not_ours(release, state)
    if half_done:
        await _remove_added(context, change)
    stay = await keep_crds_that_would_go(context, await _may_go(context, change), goal)
    await context.installer.rollback(release, to_revision, run=context.run, forced=change.forced)
    await keep_crds(context, step)
    await settled_back(context, step, goal)
    return Done(f"{release} is back at revision {to_revision}" + (f"; {', '.join(stay)} stay" if stay else ""))


async def _may_go(context: Context, change: HelmChange) -> tuple[Manifest, ...]:
    """What Helm may take for the present state: what the step installed, or whatever is stored by now."""
    return (*context.objects(change.manifests), *await context.installer.manifest(f"{change.namespace}/{change.release}"))


def _planned_revision(step: InstallerStep) -> int:
    return next((one.revision for one in step.preconditions if isinstance(one, ReleaseIs)), 0)


async def _remove_added(context: Context, change: HelmChange) -> bool:
    """Remove what an action that was cut short had added, which no record of the release tells of."""
    release = f"{change.namespace}/{change.release}"
    removed = False
    for each in change.objects:
        if each.change != "add" or each.object.kind == CRD:
            continue
        with contextlib.suppress(NotFoundError):
            if owner_of(await context.reader.get(each.object)).release == release:
                await context.writer.delete(each.object)
                removed = True
    return removed


def _not_ours(release: str, state: ReleaseState) -> StepFailedError:
    return StepFailedError(
        f"its revision {state.revision} was not written by this run, so it is not undone",
        on=f"Helm release {release}",
        next_step="roll it back by hand with `helm rollback`, then run `resail resume`",
    )
