"""What a run on a copy foretells: how long each step takes, and what it waits for."""

from collections.abc import Sequence

from resail.models.identity import ObjectRef
from resail.models.journal import Entry
from resail.models.plan import HelmChange, Plan, RestartWave, Step
from resail.models.rehearsal import StepForecast
from resail.rehearsal.meter import Meter
from resail.report.steps import step_records

__all__ = ["critical_path"]


def critical_path(plan: Plan, entries: Sequence[Entry], meter: Meter) -> tuple[StepForecast, ...]:
    """The steps that were made, in order, each with the workload that it waited for longest.

    Args:
        plan: the plan.
        entries: of the journal of its run, forwards.
        meter: looked on during the run.
    """
    steps = {step.id: step for step in plan.steps}
    path = []
    for record in step_records(plan, entries, live=False):
        if record.started is None or record.ended is None:
            continue
        path.append(
            StepForecast(
                step=record.id,
                title=record.title,
                seconds=(record.ended - record.started).total_seconds(),
                waits_for=meter.last_ready(_restarted_by(steps[record.id]), record.started, record.ended),
            )
        )
    return tuple(path)


def _restarted_by(step: Step) -> list[ObjectRef]:
    if isinstance(step, RestartWave):
        return [restart.workload for restart in step.restarts]
    change = getattr(step, "change", None)
    return [each.object for each in change.objects if each.change != "remove"] if isinstance(change, HelmChange) else []
