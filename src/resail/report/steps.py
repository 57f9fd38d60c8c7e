"""How each step of a plan stands, from the journal's entries."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from resail.models.journal import CallIntent, CallOutcome, Direction, Entry, StepIntent, StepOutcome
from resail.models.plan import HelmChange, InstallerStep, IstioctlChange, Plan, RestartWave, Step
from resail.models.record import StepRecord

__all__ = ["kind_of", "step_records"]

_OUTCOMES = {
    ("do", "done"): "done",
    ("do", "failed"): "failed",
    ("do", "skipped"): "skipped",
    ("undo", "done"): "undone",
    ("undo", "failed"): "undo-failed",
}


class _Standing(msgspec.Struct):
    """One step, while the entries are walked."""

    direction: Direction = "do"
    outcome: str = "pending"
    started: datetime | None = None
    ended: datetime | None = None
    detail: str = ""
    restarted: set[str] = msgspec.field(default_factory=set)


def step_records(plan: Plan, entries: Sequence[Entry], *, live: bool) -> tuple[StepRecord, ...]:
    """The steps in the plan's order.

    ``started`` and ``ended`` are those of the doing, or of the undoing once that has begun.
    A step with an intent and no outcome is ``running`` (or ``undoing``) while a process works on it (``live``), and
    ``interrupted`` otherwise.
    """
    standings = {step.id: _Standing() for step in plan.steps}
    restarts = {(step.id, name): workloads for step in plan.steps for name, workloads in _restarts(step)}
    calls: dict[int, CallIntent] = {}
    for entry in entries:
        match entry.body:
            case StepIntent(step=step, direction=direction) if step in standings:
                standing = standings[step]
                if standing.started is None or standing.direction != direction:
                    standing.started, standing.direction = entry.time, direction
                standing.ended = None
                standing.outcome = "running" if direction == "do" else "undoing"
            case StepOutcome(step=step) as outcome if step in standings:
                _settle(standings[step], outcome, entry.time)
            case CallIntent(call=call) as intent:
                calls[call] = intent
            case CallOutcome(call=call, ok=True) if call in calls:
                # A wave that was cut off has no outcome; the rollouts that it did set off are known from its calls.
                intent = calls[call]
                standings[intent.step].restarted.update(restarts.get((intent.step, intent.object), ()))
    return tuple(_record(step, standings[step.id], live) for step in plan.steps)


def kind_of(step: Step) -> str:
    """``UpgradeCNI``"""
    return type(step).__name__


def _restarts(step: Step) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each object by whose write workloads restart, and those workloads."""
    if isinstance(step, RestartWave):
        yield from ((str(restart.workload), (str(restart.workload),)) for restart in step.restarts)
    if isinstance(step, InstallerStep):
        match step.change:
            case HelmChange(namespace=namespace, release=release, replaced=replaced):
                yield f"{namespace}/{release}", tuple(map(str, replaced))
            case IstioctlChange(revision=revision, replaced=replaced):
                yield f"revision {revision}", tuple(map(str, replaced))
            case _:
                pass


def _settle(standing: _Standing, outcome: StepOutcome, time: datetime) -> None:
    standing.ended = time
    standing.restarted.update(outcome.restarted)
    standing.detail = outcome.detail
    if (outcome.direction, outcome.outcome) == ("undo", "skipped"):
        # Nothing to undo: what was done remains.
        standing.outcome = "done"
    else:
        standing.outcome = _OUTCOMES[outcome.direction, outcome.outcome]


def _record(step: Step, standing: _Standing, live: bool) -> StepRecord:
    outcome = standing.outcome
    if outcome in ("running", "undoing") and not live:
        outcome = "interrupted"
    return StepRecord(
        id=step.id,
        kind=kind_of(step),
        title=step.title,
        outcome=outcome,
        started=standing.started,
        ended=standing.ended,
        detail=standing.detail,
        restarted=tuple(sorted(standing.restarted)),
    )
