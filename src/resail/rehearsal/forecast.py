"""What a run on a copy foretells: all that it does, how long each step takes, and what it waits for."""

from collections.abc import Sequence

from resail import __version__
from resail.models.identity import ObjectRef
from resail.models.journal import Entry
from resail.models.plan import InstallerStep, Plan, PlanFiles, RestartWave, Step
from resail.models.rehearsal import Rehearsal, StepForecast
from resail.models.snapshot import DisruptionBudget
from resail.rehearsal.meter import Meter, metered
from resail.rehearsal.trial import Copy, trial_on
from resail.report.steps import step_records

__all__ = ["critical_path", "forecast"]


async def forecast(copy: Copy, files: PlanFiles, budgets: Sequence[DisruptionBudget], seed: int) -> Rehearsal:
    """Run the plan on a copy of its mesh, and measure it."""
    async with trial_on(copy, files) as trial:
        async with metered(copy.cluster, copy.clock, budgets) as meter:
            run = await trial.apply()
        return Rehearsal(
            plan_id=files.id,
            on=copy.place,
            seed=seed,
            state=run.state,
            detail=run.detail,
            seconds=trial.seconds,
            critical_path=critical_path(files.plan, trial.entries, meter),
            restarts=trial.restarted,
            peaks=meter.peaks,
            budgets=meter.budgets,
            gates=() if run.state == "done" else (f"{run.step}: {run.detail}",),
            faults=(),
            resail_version=__version__,
        )


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
    changes = step.change.objects if isinstance(step, InstallerStep) else ()
    return [each.object for each in changes if each.change != "remove"]
