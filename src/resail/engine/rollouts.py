"""Restart a workload by its own rollout: an annotation of its pod template, which written twice restarts it once."""

from resail.engine.context import Context
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.plan import Plan, RestartWave, Step, UpgradeGateway
from resail.models.snapshot import RESTART_MARK

__all__ = ["mark_before", "mark_of", "restart_mark", "roll_out", "take_back"]


def restart_mark(run: str, step: str, version: IstioVersion) -> str:
    """The annotation's value: the same for the same restart, however often the run is resumed."""
    return f"{run}/{step}/{version}"


def mark_of(workload: Manifest) -> str:
    """The annotation's value now; empty where there is none."""
    annotations = (workload["spec"]["template"].get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(RESTART_MARK, ""))


def mark_before(plan: Plan, run: str, step: Step, workload: ObjectRef, planned: str) -> str:
    """The annotation that a step's rollout replaces.

    Args:
        plan: the plan.
        run: the run's id, which is in its marks.
        step: the step of it.
        workload: the workload.
        planned: its annotation at planning, which stands until the first hop that restarts it.
    """
    mark = planned
    for earlier in plan.steps:
        if earlier.hop == step.hop:
            break
        if workload in _rolled_out_by(earlier):
            mark = restart_mark(run, earlier.id, plan.hop_of(earlier).to_version)
    return mark


def _rolled_out_by(step: Step) -> tuple[ObjectRef, ...]:
    match step:
        case RestartWave(restarts=restarts):
            return tuple(restart.workload for restart in restarts if restart.method == "rollout")
        case UpgradeGateway(workload=workload):
            return (workload,)
        case _:
            return ()


async def roll_out(context: Context, workload: Manifest, mark: str) -> None:
    """Set off the rollout, unless it was set off already."""
    if mark_of(workload) != mark:
        await _write(context, workload, mark)


async def take_back(context: Context, workload: Manifest, mark: str, before: str) -> None:
    """Put back the annotation that a rollout of ours replaced; nothing where it is another by now.

    The pod template is then the one of before, so that pods of it that still run stay: a rollout that got stuck is undone without
    starting a pod.
    """
    if mark_of(workload) == mark:
        await _write(context, workload, before or None)


async def _write(context: Context, workload: Manifest, mark: str | None) -> None:
    patch = {"spec": {"template": {"metadata": {"annotations": {RESTART_MARK: mark}}}}}
    await context.writer.patch(ObjectRef.of(workload), patch)
