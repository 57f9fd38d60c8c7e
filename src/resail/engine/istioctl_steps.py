"""Steps of istioctl: do, reconcile after a crash, undo.

What istioctl writes, leaves and deletes is told in ``docs/explanation/istioctl.md``.
"""

import contextlib
from collections.abc import Callable, Iterable

from resail.cluster import get_if_there
from resail.engine.context import Context, Done, StepFailedError
from resail.engine.preconditions import check_preconditions
from resail.engine.settling import CRD, keep_crds, refuse_connected, settled, settled_back, take_marks_back
from resail.errors import NotFoundError
from resail.installers.interface import Installation
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.istioctl_marks import mark_of
from resail.models.plan import InstallBefore, InstallerStep, IstioctlChange, UninstallRevision, UpgradeGateway

__all__ = ["do_istioctl", "undo_istioctl"]

_BASE = "Base"
_WEBHOOK = KindRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")


async def do_istioctl(context: Context, step: InstallerStep, change: IstioctlChange) -> Done:
    """Install what the plan says, unless it stands there already, and wait for its workloads."""
    objects = context.objects(change.manifests)
    half_done = context.istioctl.unfinished(change.revision)
    if half_done or not await _stands(context, objects):
        if not half_done:
            await check_preconditions(context, step)
        await _install(context, step, change.revision, change.to_version, change.configuration, objects)
    await settled(context, step, objects)
    return Done(
        f"{', '.join(change.components)} of revision {change.revision} at {change.to_version}",
        restarted=tuple(map(str, change.replaced)),
    )


async def undo_istioctl(context: Context, step: InstallerStep, change: IstioctlChange) -> Done:
    """Put back what was before, unless it is there already or somebody installed something else meanwhile."""
    await take_marks_back(context, step)
    match step.undo:
        case UninstallRevision():
            return await _uninstall(context, change, step.undo)
        case InstallBefore():
            return await _install_before(context, step, change, step.undo)
        case _:
            raise AssertionError(f"a step of istioctl is not undone by {step.undo}")


async def _install(
    context: Context,
    step: InstallerStep,
    revision: str,
    version: str,
    configuration: dict[str, object],
    objects: tuple[Manifest, ...],
) -> None:
    async def under_way() -> bool:
        return any([_is_marked(await _live(context, one), one) for one in objects])

    wanted = Installation(version, configuration, objects, step.ready_timeout)
    await context.istioctl.install(revision, wanted, _teller(context, step), under_way)
    missing = [ObjectRef.of(one) for one in objects if not _is_marked(await _live(context, one), one)]
    if missing:
        raise StepFailedError(
            f"istioctl says that all is installed, but {missing[0]} is not of it ({len(missing)} objects are not)",
            on=f"istioctl {version}",
            next_step="`resail rollback` undoes it; then plan again",
        )


async def _uninstall(context: Context, change: IstioctlChange, undo: UninstallRevision) -> Done:
    added = [each.object for each in change.objects if each.change == "add" and each.object.kind != CRD]
    left = [ref for ref in added if await _bears(context, ref, undo.revision)]
    if not left and not context.istioctl.unfinished(undo.revision):
        return Done("it is not installed", skipped=True)
    on = f"revision {undo.revision}"
    await refuse_connected(context, undo.revision, on)
    await _refuse_what_others_need(context, change, undo.revision)
    await context.istioctl.uninstall(undo.version, undo.revision, lambda _: None)
    # Cut short, it does not know the revision any longer once its webhooks are gone, and leaves the rest.
    await _remove(context, [ref for ref in left if await _bears(context, ref, undo.revision)])
    return Done(f"{on} is gone")


async def _install_before(context: Context, step: InstallerStep, change: IstioctlChange, undo: InstallBefore) -> Done:
    goal = context.objects(undo.manifests)
    added = [ref for ref in undo.added if ref.kind != CRD]
    half_done = context.istioctl.unfinished(change.revision)
    # CRDs stay at the later version.
    own = [one for one in goal if one["kind"] != CRD]
    if not half_done and await _stands(context, own) and not [ref for ref in added if await get_if_there(context.reader, ref)]:
        if not isinstance(step, UpgradeGateway):
            return Done("it is as it was", skipped=True)
        # It went back with a stage before it, and its pods may have the newer proxy yet.
        await settled_back(context, step, goal)
        return Done("its objects are as they were, and so are its pods")
    await _refuse_others_work(context, change, undo)
    await _install(context, step, change.revision, undo.version, undo.configuration, goal)
    if _BASE in undo.components:
        await keep_crds(context, step)
    await _remove(context, [ref for ref in added if await _bears(context, ref, change.revision)])
    await settled_back(context, step, goal)
    return Done(f"{', '.join(undo.components)} back at {undo.version}")


async def _refuse_what_others_need(context: Context, change: IstioctlChange, revision: str) -> None:
    """istioctl would remove them with the revision.

    Raises:
        StepFailedError: the tag ``default`` still points to it, or CNI, ztunnel or gateways are still of it.
    """
    kinds = (KindRef("apps/v1", "Deployment"), KindRef("apps/v1", "DaemonSet"))
    needed = [
        ObjectRef.of(manifest)
        for kind in kinds
        for manifest in await context.reader.list_objects(kind, labels=f"istio.io/rev={revision},operator.istio.io/component")
        if (mark_of(manifest) or ("",))[0] not in ("", *change.components)
    ]
    tags = await context.reader.list_objects(_WEBHOOK, labels=f"istio.io/rev={revision},istio.io/tag")
    needed += [ObjectRef.of(manifest) for manifest in tags]
    if needed:
        raise StepFailedError(
            f"removing it would take {', '.join(map(str, needed))} along",
            on=f"revision {revision}",
            next_step="give them to the other revision, then run `resail resume`",
        )


async def _refuse_others_work(context: Context, change: IstioctlChange, undo: InstallBefore) -> None:
    """
    Raises:
        StepFailedError: somebody installed yet another version meanwhile.
    """
    for manifest in context.objects(change.manifests):
        mark = mark_of(await _live(context, manifest) or {"metadata": {}})
        if mark is not None and mark[2] not in (change.to_version, undo.version):
            raise StepFailedError(
                f"{ObjectRef.of(manifest)} is of version {mark[2]}, which this run did not install, so it is not undone",
                on=f"revision {change.revision}",
                next_step="install what should be there with istioctl, then run `resail resume`",
            )


async def _stands(context: Context, objects: Iterable[Manifest]) -> bool:
    """Does every object bear the marks that istioctl gives it?"""
    return all([_is_marked(await _live(context, one), one) for one in objects])


def _is_marked(live: Manifest | None, wanted: Manifest) -> bool:
    # The tag ``default`` is of no component: it may stand or move by itself.
    return mark_of(wanted) is None or (live is not None and mark_of(live) == mark_of(wanted))


async def _live(context: Context, manifest: Manifest) -> Manifest | None:
    return await get_if_there(context.reader, ObjectRef.of(manifest))


async def _bears(context: Context, ref: ObjectRef, revision: str) -> bool:
    """Is it there, and still of what istioctl installed of the revision?"""
    live = await get_if_there(context.reader, ref)
    mark = None if live is None else mark_of(live)
    return mark is not None and mark[1] == revision


async def _remove(context: Context, refs: Iterable[ObjectRef]) -> None:
    for ref in refs:
        with contextlib.suppress(NotFoundError):
            await context.writer.delete(ref)


def _teller(context: Context, step: InstallerStep) -> Callable[[str], None]:
    return lambda line: context.tell(step.id, line)
