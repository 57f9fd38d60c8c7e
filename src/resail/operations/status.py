"""``resail status``: how a run stands, from its journal alone."""

import contextlib
from pathlib import Path

import msgspec

from resail.errors import LockedError
from resail.journal.lock import hold
from resail.models.journal import Run
from resail.models.record import StepRecord
from resail.operations.runs import RunChoice, existing_journal, find_state
from resail.plan.file import read_plan
from resail.report.steps import step_records

__all__ = ["RunStatus", "status"]


class RunStatus(msgspec.Struct, frozen=True):
    """One run, and those beside it."""

    run: Run
    at_work: bool
    """A process holds the lock. A run that is ``running`` without one was killed, and can be resumed."""
    holder: str
    """Who holds the lock; empty where nobody does."""
    requested: str
    """``pause`` or ``abort`` where that was asked for and not yet followed."""
    steps: tuple[StepRecord, ...]
    runs: tuple[Run, ...]
    """All runs of this state directory, newest last."""


async def status(choice: RunChoice) -> RunStatus:
    """Read how a run stands.

    Raises:
        UsageError: nothing was run, or there is no such run.
        ArtifactError: the run's own copy of the plan is gone or damaged.
    """
    state = await find_state(choice)
    journal = existing_journal(state)
    run = journal.run(choice.run)
    runs = journal.runs()
    holder = _holder(state.root)
    # The lock belongs to the directory; its holder works on the latest run unless that has ended.
    at_work = bool(holder) and run.state == "running"
    files = read_plan(Path(run.plan_file))
    return RunStatus(
        run=run,
        at_work=at_work,
        holder=holder,
        requested=journal.requested(run.id) or "",
        steps=step_records(files.plan, journal.entries(run.id), live=at_work),
        runs=tuple(runs),
    )


def _holder(root: Path) -> str:
    with contextlib.suppress(OSError):
        try:
            with hold(root):
                return ""
        except LockedError as error:
            return error.what
    return ""
