"""The record of a run: what ``demo``, ``apply``, ``resume`` and ``rollback`` print."""

from collections.abc import Sequence
from pathlib import Path

from resail.models.finding import Finding
from resail.models.journal import Entry, Run
from resail.models.plan import Plan, PlanFiles, RestartWave
from resail.models.record import Record, StepRecord, WorkloadRecord
from resail.report.steps import step_records

__all__ = ["record_of"]


def record_of(
    files: PlanFiles,
    run: Run,
    entries: Sequence[Entry],
    *,
    pods_on_target: int | None,
    plan_path: Path,
    journal_path: Path,
    report_path: Path,
    backup_paths: Sequence[Path] = (),
    findings: Sequence[Finding] = (),
    live: bool = False,
) -> Record:
    """Put the record together from the plan and the journal.

    ``findings`` are those of the final verification, shown after the plan's own; ``live`` says that a process is
    working on the run now. The paths are made absolute.
    """
    plan = files.plan
    steps = step_records(plan, entries, live=live)
    workloads = _workloads(plan, steps)
    return Record(
        from_version=str(plan.from_version),
        to_version=str(plan.to_version),
        strategy=plan.strategy,
        run=run.id,
        state=run.state,
        detail=run.detail,
        started=run.started,
        updated=run.updated,
        steps=steps,
        workloads=workloads,
        workloads_restarted=tuple(each.workload for each in workloads if each.restarted),
        workloads_untouched=tuple(each.workload for each in workloads if not each.restarted),
        pods_on_target=pods_on_target,
        findings=(*plan.findings, *findings),
        plan_id=files.id,
        plan=str(plan_path.absolute()),
        journal=str(journal_path.absolute()),
        report=str(report_path.absolute()),
        backups=tuple(str(path.absolute()) for path in backup_paths),
    )


def _workloads(plan: Plan, steps: Sequence[StepRecord]) -> tuple[WorkloadRecord, ...]:
    found = {str(each.workload): WorkloadRecord(str(each.workload), False, each.reason) for each in plan.untouched}
    outcomes = {record.id: record.outcome for record in steps}
    planned = {}
    for step in plan.steps:
        if isinstance(step, RestartWave):
            for restart in step.restarts:
                name = str(restart.workload)
                planned[step.id, name] = restart.reason
                why = f"its restart was planned ({restart.reason}), but its wave is {outcomes[step.id]}"
                found[name] = WorkloadRecord(name, False, why, step.id)
    for record in steps:
        for name in record.restarted:
            found[name] = WorkloadRecord(name, True, planned.get((record.id, name), record.title), record.id)
    return tuple(found[name] for name in sorted(found))
