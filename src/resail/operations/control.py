"""``resail pause`` and ``abort``: steer a run from beside it."""

import contextlib

import msgspec

from resail.errors import LockedError, UsageError
from resail.journal.lock import hold
from resail.models.journal import Run, RunFinished
from resail.operations.runs import RunChoice, existing_journal, find_state

__all__ = ["Steered", "abort", "pause"]


class Steered(msgspec.Struct, frozen=True):
    """What came of it."""

    run: Run
    pending: bool
    """A process works on the run now, and will follow once the step under way has ended."""


async def pause(choice: RunChoice) -> Steered:
    """Ask the process that works on the run to halt after the step under way.

    Raises:
        UsageError: no process works on it, so there is nothing to pause.
    """
    state = await find_state(choice)
    journal = existing_journal(state)
    run = journal.run(choice.run)
    with contextlib.suppress(LockedError), hold(state.root):
        raise UsageError(f"no process works on it, it is {_standing(run)}", on=run.id, next_step="`resail status` tells more")
    journal.request(run.id, "pause")
    return Steered(journal.run(run.id), pending=True)


async def abort(choice: RunChoice) -> Steered:
    """End a run where it stands: at once where no process works on it, else after the step under way.

    Raises:
        UsageError: it has ended already.
    """
    state = await find_state(choice)
    journal = existing_journal(state)
    run = journal.run(choice.run)
    if run.state not in ("running", "halted"):
        raise UsageError(
            f"the run has ended, it is {run.state}", on=run.id, next_step="`resail rollback` undoes a run that is done"
        )
    try:
        with hold(state.root):
            journal.append(run.id, RunFinished("aborted", "ended by `resail abort`"))
            return Steered(journal.run(run.id), pending=False)
    except LockedError:
        journal.request(run.id, "abort")
        return Steered(journal.run(run.id), pending=True)


def _standing(run: Run) -> str:
    return "interrupted" if run.state == "running" else run.state
