"""The old revision goes once nothing is connected to it, and comes back from its history."""

from resail.checks.connected import still_asked_for
from resail.engine.connections import wait_until_left
from resail.engine.context import Context, Done, StepFailedError
from resail.engine.crd_guard import refuse_to_drop_used_crds
from resail.engine.readiness import wait_for_objects
from resail.errors import HaltedError
from resail.models.encoding import manifest_digest
from resail.models.plan import RemoveRevision, RollbackRelease
from resail.snapshot import capture

__all__ = ["do_removal", "undo_removal"]


async def do_removal(context: Context, step: RemoveRevision) -> Done:
    """Uninstall the release, with its history kept, unless that is done already.

    Raises:
        HaltedError: something is still connected to it, or asks for it. Nothing of the upgrade has failed by that.
    """
    state = await context.installer.state(step.release)
    if state is None or state.status == "uninstalled":
        return Done(f"{step.release} is gone")
    namespace = context.files.plan.istio_namespace
    snapshot = await capture(context.reader, namespace)
    found = still_asked_for(snapshot, step.revision, context.objects(step.manifests))
    if found:
        more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        raise HaltedError(
            f"revision {step.revision} is not removed: {'; '.join(found[:5])}{more}",
            on=f"step {step.id}",
            next_step="restart or repoint them, then run `resail resume`",
        )
    connected = await wait_until_left(context.reader, context.clock, namespace, step.revision)
    if connected.proxies:
        raise HaltedError(
            f"revision {step.revision} is not removed: its istiod says who is connected: {connected.told}",
            on=f"step {step.id}",
            next_step="see them with `istioctl proxy-status`, then run `resail resume`",
        )
    await refuse_to_drop_used_crds(context.reader, await context.installer.manifest(step.release), f"Helm release {step.release}")
    await context.installer.uninstall(step.release, keep_history=True)
    return Done(f"{step.release} is gone, and its history stays; {connected.told}")


async def undo_removal(context: Context, step: RemoveRevision) -> Done:
    """Bring the release back from its history, and wait until its istiod runs.

    Raises:
        StepFailedError: the history is gone too, or someone has installed it anew.
    """
    assert isinstance(step.undo, RollbackRelease)
    release, goal = step.release, step.undo.to_revision
    await context.installer.recover(release, run=context.run)
    state = await context.installer.state(release)
    if state is None:
        raise StepFailedError(
            "its history is gone, so it cannot be brought back",
            on=f"Helm release {release}",
            next_step="install it again with the objects that the plan shows, then run `resail resume`",
        )
    objects = await context.installer.manifest(release, goal)
    stands = state.status == "deployed"
    if stands and state.manifest_digest != manifest_digest(objects):
        raise StepFailedError(
            f"its revision {state.revision} is not what was removed",
            on=f"Helm release {release}",
            next_step="see who installed it; roll it back with `helm rollback`, then run `resail resume`",
        )
    if not stands:
        await context.installer.rollback(release, goal, run=context.run)
    await wait_for_objects(context, step.id, objects, step.ready_timeout)
    return Done(f"{release} is back" if not stands else "it is as it was", skipped=stands and state.revision == goal)
