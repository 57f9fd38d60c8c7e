"""Steps that change a Helm release: do, reconcile after a crash, undo."""

import contextlib
from pathlib import Path

from resail.engine.context import Context, Done, StepFailedError
from resail.engine.preconditions import check_preconditions
from resail.engine.readiness import pods_of, wait_for_objects, wait_until_rolled_out
from resail.engine.rollouts import mark_before, restart_mark, roll_out, take_back
from resail.errors import NotFoundError
from resail.installers.detect import owner_of
from resail.installers.interface import ReleaseState
from resail.models.encoding import manifest_digest
from resail.models.identity import IstioVersion, KindRef, ObjectRef
from resail.models.plan import (
    InstallRevision,
    MoveValidator,
    ReleaseIs,
    RollbackRelease,
    UninstallRelease,
    UpgradeCNI,
    UpgradeControlPlane,
    UpgradeCRDs,
    UpgradeGateway,
    UpgradeZtunnel,
)
from resail.plan.rollback import before_restart
from resail.snapshot.shapes import PodShape
from resail.snapshot.workloads import pod_facts

__all__ = ["HelmStep", "do_helm", "undo_helm"]

HelmStep = UpgradeCRDs | InstallRevision | UpgradeControlPlane | UpgradeCNI | UpgradeZtunnel | UpgradeGateway | MoveValidator

_HELM = "helm"
_CRD = "CustomResourceDefinition"
_POLL = 0.5  # seconds


async def do_helm(context: Context, step: HelmStep) -> Done:
    """Bring the release to what the plan says, unless it is there already, and wait for its workloads."""
    change = step.change
    release = f"{change.namespace}/{change.release}"
    objects = context.objects(change.manifests)
    await context.installer.recover(release, run=context.run)
    state = await context.installer.state(release)
    if not _reached(state, step, manifest_digest(objects), context.run):
        if state is None or state.run != context.run:
            await check_preconditions(context, step)
        if state is None and context.installer.half_done(release):
            # Its istiod may run by now and own fields of its webhooks, which installing it over again would meet as conflicts.
            await _remove_added(context, step)
        charts = Path(context.releases[step.hop].directory) / "charts"
        state = await context.installer.apply(change, objects, charts, run=context.run)
        if state.manifest_digest != manifest_digest(objects):
            raise StepFailedError(
                "Helm rendered something else than the plan shows",
                on=f"Helm release {release}",
                next_step="`resail rollback` undoes it; then plan again",
            )
    await wait_for_objects(context, step.id, objects, step.ready_timeout)
    if isinstance(step, UpgradeCRDs):
        await _established(context, step)
    if isinstance(step, UpgradeGateway):
        hop = context.hop_of(step)
        await _gateway_on(context, step, hop.to_revision, hop.to_version)
    return Done(f"{release} is at {change.to_version}", restarted=tuple(map(str, change.replaced)))


async def undo_helm(context: Context, step: HelmStep) -> Done:
    """Put the release back, unless it is there already or is no longer ours."""
    release = f"{step.change.namespace}/{step.change.release}"
    if isinstance(step, UpgradeGateway):
        await _unmark(context, step)
    await context.installer.recover(release, run=context.run)
    state = await context.installer.state(release)
    match step.undo:
        case UninstallRelease():
            return await _uninstall(context, step, release, state)
        case RollbackRelease(to_revision=to_revision):
            return await _roll_back(context, step, release, state, to_revision)
        case _:
            raise AssertionError(f"a Helm step is not undone by {step.undo}")


def _reached(state: ReleaseState | None, step: HelmStep, digest: str, run: str) -> bool:
    if state is None or state.status != "deployed" or state.run != run:
        return False
    # Two hops may render the same.
    return (state.manifest_digest, state.chart_version) == (digest, step.change.to_version)


async def _uninstall(context: Context, step: HelmStep, release: str, state: ReleaseState | None) -> Done:
    if state is None:
        removed = await _remove_added(context, step)
        return Done("it is not installed", skipped=not removed)
    if state.run != context.run:
        raise _not_ours(release, state)
    revision = context.hop_of(step).to_revision
    connected = [
        f"{pod.metadata.namespace}/{pod.metadata.name}"
        for pod in await context.reader.list_shapes(KindRef("v1", "Pod"), PodShape)
        if pod.status.phase == "Running" and pod_facts(pod).revision == revision and pod.proxy is not None
    ]
    if connected:
        raise StepFailedError(
            f"{len(connected)} pods still have a sidecar of revision {revision}: {', '.join(sorted(connected)[:5])}",
            on=f"Helm release {release}",
            next_step="restart or remove them, then run `resail resume`",
        )
    await context.installer.uninstall(release)
    return Done(f"{release} is gone")


async def _roll_back(context: Context, step: HelmStep, release: str, state: ReleaseState | None, to_revision: int) -> Done:
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
        await _remove_added(context, step)
    await context.installer.rollback(release, to_revision, run=context.run)
    if isinstance(step, UpgradeCRDs):
        await _keep_crds(context, step)
    await wait_for_objects(context, step.id, goal, step.ready_timeout)
    if isinstance(step, UpgradeGateway):
        back = before_restart(context.files.plan, step)
        await _gateway_on(context, step, back.from_revision, back.from_version)
    return Done(f"{release} is back at revision {to_revision}")


def _planned_revision(step: HelmStep) -> int:
    return next((one.revision for one in step.preconditions if isinstance(one, ReleaseIs)), 0)


async def _remove_added(context: Context, step: HelmStep) -> bool:
    """Remove what an action that was cut short had added, which no record of the release tells of."""
    release = f"{step.change.namespace}/{step.change.release}"
    removed = False
    for change in step.change.objects:
        if change.change != "add" or change.object.kind == _CRD:
            continue
        with contextlib.suppress(NotFoundError):
            if owner_of(await context.reader.get(change.object)).release == release:
                await context.writer.delete(change.object)
                removed = True
    return removed


async def _keep_crds(context: Context, step: UpgradeCRDs) -> None:
    """CRDs stay at the target: objects may use what only the newer schema knows, and an older one would prune it."""
    changed = {change.object for change in step.change.objects}
    for manifest in context.objects(step.change.manifests):
        if manifest["kind"] == _CRD and ObjectRef.of(manifest) in changed:
            await context.writer.apply(manifest, manager=_HELM, force=True)


async def _established(context: Context, step: UpgradeCRDs) -> None:
    """Wait until the API serves the new CRDs."""
    deadline = context.clock.monotonic() + step.ready_timeout
    for manifest in context.objects(step.change.manifests):
        if manifest["kind"] != _CRD:
            continue
        ref = ObjectRef.of(manifest)
        while not await _is_established(context, ref):
            if context.clock.monotonic() > deadline:
                raise StepFailedError("it is not established", on=str(ref), next_step="see its conditions; then `resail resume`")
            await context.clock.sleep(_POLL)


async def _is_established(context: Context, ref: ObjectRef) -> bool:
    try:
        live = await context.reader.get(ref)
    except NotFoundError:
        return False
    conditions = (live.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)


async def _unmark(context: Context, step: UpgradeGateway) -> None:
    try:
        gateway = await context.reader.get(step.workload)
    except NotFoundError:
        return
    before = mark_before(context.files.plan, context.run, step, step.workload, step.mark_before)
    await take_back(context, gateway, restart_mark(context.run, step.id, context.hop_of(step).to_version), before)


async def _gateway_on(context: Context, step: UpgradeGateway, revision: str, version: IstioVersion) -> None:
    """A gateway's pods get their proxy by injection: where its template did not change, they must restart for it."""
    manifest = await context.reader.get(step.workload)
    pods = await pods_of(context, manifest)
    if all((pod.revision, pod.proxy_version) == (revision, str(version)) for pod in pods):
        return
    await roll_out(context, manifest, restart_mark(context.run, step.id, version))
    await wait_until_rolled_out(context, step.id, step.workload, step.ready_timeout)


def _not_ours(release: str, state: ReleaseState) -> StepFailedError:
    return StepFailedError(
        f"its revision {state.revision} was not written by this run, so it is not undone",
        on=f"Helm release {release}",
        next_step="roll it back by hand with `helm rollback`, then run `resail resume`",
    )
