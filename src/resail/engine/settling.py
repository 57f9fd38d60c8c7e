"""What follows whatever an installer did: its workloads get ready, its CRDs are served, gateways get the right proxy."""

from resail.cluster import get_if_there
from resail.engine.context import Context, StepFailedError
from resail.engine.readiness import pods_of, wait_for_objects, wait_until_rolled_out
from resail.engine.rollouts import mark_before, restart_mark, roll_out, take_back
from resail.installers.helm_storage import as_helm_applies
from resail.models.identity import IstioVersion, KindRef, Manifest, ObjectRef
from resail.models.plan import Change, HelmChange, InstallerStep, IstioctlChange, SailChange, UpgradeGateway
from resail.plan.rollback import before_restart
from resail.snapshot.shapes import PodShape
from resail.snapshot.workloads import pod_facts

__all__ = ["CRD", "keep_crds", "refuse_connected", "settled", "settled_back", "take_marks_back"]

CRD = "CustomResourceDefinition"

_POLL = 0.5  # seconds


async def settled(context: Context, step: InstallerStep, objects: tuple[Manifest, ...]) -> None:
    """Wait until the step's objects do their work.

    Raises:
        StepFailedError: one does not get ready in time.
    """
    await wait_for_objects(context, step.id, objects, step.ready_timeout)
    await _established(context, step, objects)
    if isinstance(step, UpgradeGateway):
        hop = context.hop_of(step)
        await _gateway_on(context, step, hop.to_revision, hop.to_version)


async def settled_back(context: Context, step: InstallerStep, objects: tuple[Manifest, ...]) -> None:
    """Wait until what stood before the step does its work again.

    Raises:
        StepFailedError: one does not get ready in time.
    """
    await wait_for_objects(context, step.id, objects, step.ready_timeout)
    if isinstance(step, UpgradeGateway):
        back = before_restart(context.files.plan, step)
        await _gateway_on(context, step, back.from_revision, back.from_version)


async def keep_crds(context: Context, step: InstallerStep) -> None:
    """CRDs stay at the target: objects may use what only the newer schema knows, and an older one would prune it."""
    changed = {change.object for change in step.change.objects}
    for manifest in context.objects(step.change.manifests):
        if manifest["kind"] == CRD and ObjectRef.of(manifest) in changed:
            await context.writer.apply(_as_applied(step.change, manifest), manager=_manager(step.change), force=True)


async def take_marks_back(context: Context, step: InstallerStep) -> None:
    """Before a gateway goes back: the mark that restarted it goes, so that going back restarts it once."""
    if not isinstance(step, UpgradeGateway):
        return
    gateway = await get_if_there(context.reader, step.workload)
    if gateway is None:
        return
    before = mark_before(context.files.plan, context.run, step, step.workload, step.mark_before)
    await take_back(context, gateway, restart_mark(context.run, step.id, context.hop_of(step).to_version), before)


async def refuse_connected(context: Context, revision: str, on: str) -> None:
    """Before a revision is removed.

    Raises:
        StepFailedError: pods still have a sidecar of it.
    """
    connected = [
        f"{pod.metadata.namespace}/{pod.metadata.name}"
        for pod in await context.reader.list_shapes(KindRef("v1", "Pod"), PodShape)
        if pod.status.phase == "Running" and pod_facts(pod).revision == revision and pod.proxy is not None
    ]
    if connected:
        raise StepFailedError(
            f"{len(connected)} pods still have a sidecar of revision {revision}: {', '.join(sorted(connected)[:5])}",
            on=on,
            next_step="restart or remove them, then run `resail resume`",
        )


def _as_applied(change: Change, manifest: Manifest) -> Manifest:
    """With the marks of its release, without which Helm would not take it in the next upgrade."""
    return as_helm_applies(manifest, change.release, change.namespace) if isinstance(change, HelmChange) else manifest


def _manager(change: Change) -> str:
    """Who owns the fields of the CRDs that an installer applies."""
    match change:
        case HelmChange():
            return "helm"
        case IstioctlChange():
            return "istio-operator"
        case SailChange():
            return "sail-operator"


async def _established(context: Context, step: InstallerStep, objects: tuple[Manifest, ...]) -> None:
    """Wait until the API serves the new CRDs."""
    deadline = context.clock.monotonic() + step.ready_timeout
    for manifest in objects:
        if manifest["kind"] != CRD:
            continue
        ref = ObjectRef.of(manifest)
        while not await _is_established(context, ref):
            if context.clock.monotonic() > deadline:
                raise StepFailedError("it is not established", on=str(ref), next_step="see its conditions; then `resail resume`")
            await context.clock.sleep(_POLL)


async def _is_established(context: Context, ref: ObjectRef) -> bool:
    live = await get_if_there(context.reader, ref) or {}
    conditions = (live.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)


async def _gateway_on(context: Context, step: UpgradeGateway, revision: str, version: IstioVersion) -> None:
    """A gateway's pods get their proxy by injection: where its template did not change, they must restart for it."""
    manifest = await context.reader.get(step.workload)
    pods = await pods_of(context, manifest)
    if all((pod.revision, pod.proxy_version) == (revision, str(version)) for pod in pods):
        return
    await roll_out(context, manifest, restart_mark(context.run, step.id, version))
    await wait_until_rolled_out(context, step.id, step.workload, step.ready_timeout)
