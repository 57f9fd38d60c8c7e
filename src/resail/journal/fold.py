"""Entries → how a run stands. Pure: any prefix of a journal can be folded."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from resail.models.journal import (
    BudgetCounts,
    Direction,
    Entry,
    Measured,
    Run,
    RunFinished,
    RunHalted,
    RunResumed,
    RunStarted,
    RunState,
    StepIntent,
    StepOutcome,
)

__all__ = ["Measurement", "StepStanding", "fold_measurements", "fold_run", "fold_steps"]


class StepStanding(msgspec.Struct, frozen=True):
    """One step: whether it was begun and how it ended, in each direction."""

    begun: bool = False
    """There is an intent to do it."""
    done: bool = False
    undone: bool = False


class Measurement(msgspec.Struct, frozen=True):
    """The whole of what was known of the data plane once something of it had changed."""

    time: datetime
    pods: dict[str, int]
    """By the version of their proxy."""
    budgets: dict[str, BudgetCounts]
    """By ``namespace/name``."""


def fold_run(entries: Sequence[Entry]) -> Run:
    """The run that these entries, of one run and at least one, tell of."""
    first = entries[0]
    started = first.body
    assert isinstance(started, RunStarted), "a run begins with RunStarted"
    state: RunState = "running"
    step = ""
    detail = ""
    for entry in entries:
        match entry.body:
            case StepIntent():
                step = entry.body.step
            case RunHalted():
                state, detail = "halted", entry.body.detail
                step = entry.body.step or step
            case RunFinished():
                state, detail = entry.body.state, entry.body.detail
            case RunResumed():
                state, detail = "running", ""
    return Run(
        id=first.run,
        plan_id=started.plan_id,
        plan_file=started.plan_file,
        cluster_id=started.cluster_id,
        state=state,
        started=first.time,
        updated=entries[-1].time,
        step=step,
        detail=detail,
    )


def fold_steps(entries: Sequence[Entry]) -> dict[str, StepStanding]:
    """How each step that was begun stands."""
    steps: dict[str, StepStanding] = {}
    for entry in entries:
        match entry.body:
            case StepIntent(step=step, direction="do"):
                steps[step] = StepStanding(begun=True)
            case StepOutcome(step=step, direction=direction, outcome=outcome) if outcome != "failed":
                steps[step] = _ended(steps.get(step, StepStanding(begun=True)), direction)
    return steps


def _ended(standing: StepStanding, direction: Direction) -> StepStanding:
    return StepStanding(begun=True, done=direction == "do" or standing.done, undone=direction == "undo")


def fold_measurements(entries: Sequence[Entry]) -> tuple[Measurement, ...]:
    """The data plane as it was counted, in the order of the entries; each holds until the next."""
    found: list[Measurement] = []
    budgets: dict[str, BudgetCounts] = {}
    for entry in entries:
        if isinstance(entry.body, Measured):
            changed = entry.body.budgets
            kept = {name: counts for name, counts in budgets.items() if name not in changed}
            budgets = kept | {name: counts for name, counts in changed.items() if counts is not None}
            found.append(Measurement(entry.time, entry.body.pods, budgets))
    return tuple(found)
