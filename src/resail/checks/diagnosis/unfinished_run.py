"""A run of resail that died, or stopped at something that went wrong."""

from collections.abc import Iterator

from resail.checks.diagnosis.sign import Rule, Sign
from resail.checks.diagnosis.situation import RunSeen, Situation
from resail.models.diagnosis import Diagnosis
from resail.models.finding import FindingObject

__all__ = ["RULE"]

_ID = "run"
_WAITING = ("approval", "paused")
"""Reasons to halt that nothing is wrong with."""


def _find(situation: Situation) -> Iterator[Sign]:
    # What an earlier one left unfinished, the latest had to finish first.
    for seen in situation.runs[-1:]:
        run = seen.run
        step = run.step or "the first step"
        if run.state == "running" and not seen.alive:
            who = f", and {seen.holder} does not renew its lease" if seen.holder else ""
            yield _sign(seen, "died-half-way", f"run {run.id} died half-way, at {step}: nobody works on it{who}")
        elif run.state == "halted" and seen.halted not in _WAITING and not seen.alive:
            yield _sign(
                seen, "halted-half-way", f"run {run.id} halted half-way, at {step} ({seen.halted or 'no reason'}): {run.detail}"
            )
        elif run.state == "rollback-failed":
            yield _sign(seen, "rollback-failed", f"the rollback of run {run.id} failed at {step}: {run.detail}")


def _sign(seen: RunSeen, what: str, cause: str) -> Sign:
    run = seen.run
    done = f"steps that are done: {len(seen.done)}" + (f", the last one {seen.done[-1]}" if seen.done else "")
    return Sign(
        diagnosis=Diagnosis(
            id=f"{_ID}-{what}",
            certainty="certain",
            cause=cause,
            objects=(FindingObject("Run", "", run.id, run.step),),
            evidence=(
                f"{seen.place}: {run.state}, last written at {run.updated:%Y-%m-%d %H:%M:%S} UTC",
                f"{done}{'; it was being rolled back' if seen.undoing else ''}",
                *([f"the lease names {seen.holder}"] if seen.holder else []),
            ),
            effects=("the mesh is between two states, and no other run may begin",),
            undo=_undo(seen),
            source="docs/explanation/many-hands.md",
        )
    )


def _undo(seen: RunSeen) -> tuple[str, ...]:
    step = seen.run.step
    look = f"looks whether {step} had its effect, " if step else ""
    if seen.undoing:
        return (f"`resail rollback --run {seen.run.id}` {look}and undoes what is left (steps: {len(seen.done)})",)
    return (
        f"`resail resume --run {seen.run.id}` {look}and goes on from there",
        f"or `resail rollback --run {seen.run.id}` undoes what is done (steps: {len(seen.done)}), the last one first",
    )


RULE = Rule(_ID, _find)
