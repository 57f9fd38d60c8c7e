"""What the timeline shows, read from the journal: each attempt at a step, the workloads of a wave, and what stopped the run."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from resail.models.journal import (
    CallIntent,
    Direction,
    Entry,
    Progress,
    RunFinished,
    RunHalted,
    RunResumed,
    StepApproved,
    StepIntent,
    StepOutcome,
)
from resail.models.plan import Plan, RestartWave

__all__ = ["Attempt", "Mark", "WorkloadSpan", "attempts_of", "marks_of", "workload_spans"]


class Attempt(msgspec.Struct, frozen=True):
    """A step was begun, done or undone, and came to some end."""

    step: str
    direction: Direction
    began: datetime
    ended: datetime
    outcome: str
    """``done``, ``failed``, ``skipped``, ``undone``, ``undo-failed``; ``interrupted`` where it came to no outcome, ``running``
    where that is still to come."""


class WorkloadSpan(msgspec.Struct, frozen=True):
    """A workload of a wave: from its first write to the last word of it."""

    step: str
    workload: str
    began: datetime
    ended: datetime


class Mark(msgspec.Struct, frozen=True):
    """A moment at which the run stopped, was taken up, or a person said yes."""

    time: datetime
    what: str
    step: str
    detail: str


def attempts_of(entries: Sequence[Entry], *, live: bool) -> tuple[Attempt, ...]:
    """All attempts, in the order in which they were begun; ``live``: a process works on the run now."""
    found: list[Attempt] = []
    begun: tuple[StepIntent, datetime] | None = None
    last = entries[0].time
    for entry in entries:
        if begun and isinstance(entry.body, StepIntent | RunResumed | RunHalted | RunFinished):
            # A run that was killed says no more; it was at work until its last word at least.
            ended = last if isinstance(entry.body, RunResumed) else entry.time
            found.append(_attempt(*begun, ended, "interrupted"))
            begun = None
        match entry.body:
            case StepIntent() as intent:
                begun = (intent, entry.time)
            case StepOutcome(step=step) as outcome if begun and begun[0].step == step:
                undone = {"done": "undone", "failed": "undo-failed", "skipped": "skipped"}
                word = undone[outcome.outcome] if outcome.direction == "undo" else outcome.outcome
                found.append(_attempt(*begun, entry.time, word))
                begun = None
        if not isinstance(entry.body, StepApproved):
            last = entry.time
    if begun:
        found.append(_attempt(*begun, last, "running" if live else "interrupted"))
    return tuple(found)


def _attempt(intent: StepIntent, began: datetime, ended: datetime, outcome: str) -> Attempt:
    return Attempt(intent.step, intent.direction, began, max(began, ended), outcome)


def workload_spans(plan: Plan, entries: Sequence[Entry]) -> tuple[WorkloadSpan, ...]:
    """The workloads of each wave, as far as the journal speaks of them; those of its undoing are not told apart."""
    known = {
        (step.id, str(restart.workload)) for step in plan.steps if isinstance(step, RestartWave) for restart in step.restarts
    }
    found: dict[tuple[str, str], WorkloadSpan] = {}
    undoing = False
    for entry in entries:
        match entry.body:
            case StepIntent(direction=direction):
                undoing = direction == "undo"
            case CallIntent(step=step, object=workload) if (step, workload) in known and not undoing:
                _extend(found, step, workload, entry.time)
            case Progress(step=step, message=message) if not undoing:
                workload = message.partition(": ")[0]
                if (step, workload) in known:
                    _extend(found, step, workload, entry.time)
    return tuple(found.values())


def _extend(found: dict[tuple[str, str], WorkloadSpan], step: str, workload: str, time: datetime) -> None:
    before = found.get((step, workload), WorkloadSpan(step, workload, time, time))
    found[step, workload] = msgspec.structs.replace(before, ended=max(before.ended, time))


def marks_of(entries: Sequence[Entry]) -> tuple[Mark, ...]:
    """Halts with their gates, approvals, resumptions, and how it ended."""
    found: list[Mark] = []
    for entry in entries:
        match entry.body:
            case RunHalted(why=why, step=step, detail=detail):
                if found and (found[-1].what, found[-1].step) == ("failed", step):
                    found.pop()  # It is why the run halted.
                found.append(Mark(entry.time, f"halted ({why})", step, detail))
            case RunResumed(direction=direction):
                found.append(Mark(entry.time, "resumed" if direction == "do" else "rolled back from here", "", ""))
            case StepApproved(step=step):
                found.append(Mark(entry.time, "approved", step, ""))
            case StepOutcome(step=step, direction="do", outcome="failed", detail=detail):
                found.append(Mark(entry.time, "failed", step, detail))
            case RunFinished(state=state, detail=detail) if state != "done":
                found.append(Mark(entry.time, state, "", detail))
    return tuple(found)
