"""``resail pause`` and ``abort``: steer a run from beside it."""

from collections.abc import Callable

import msgspec

from resail.errors import LockedError, UsageError
from resail.journal.lock import hold
from resail.models.journal import Run, RunFinished
from resail.operations.onlooker import Onlooker, looking_on
from resail.operations.runs import RunChoice
from resail.operations.turn import taking_turn

__all__ = ["Steered", "abort", "pause"]


class Steered(msgspec.Struct, frozen=True):
    """What came of it."""

    run: Run
    pending: bool
    """A process works on the run now, and will follow once the step under way has ended."""


def _silent(_: str) -> None: ...


async def pause(choice: RunChoice, progress: Callable[[str], None] = _silent) -> Steered:
    """Ask the process that works on the run, on whatever machine, to halt after the step under way.

    Raises:
        UsageError: no process works on it, so there is nothing to pause.
        ForbiddenError: we may not change the lease.
    """
    async with looking_on(choice, progress, steering=True) as onlooker:
        run = onlooker.run
        if onlooker.here:
            onlooker.journal.request(run.id, "pause")
        elif (lease := await onlooker.lease()) is not None and await onlooker.lives(lease, progress):
            await onlooker.ask("pause")
        else:
            raise UsageError(f"no process works on it, it is {_standing(run)}", on=run.id, next_step="`resail status` tells more")
        return Steered(onlooker.journal.run(run.id), pending=True)


async def abort(choice: RunChoice, progress: Callable[[str], None] = _silent) -> Steered:
    """End a run where it stands: at once where no process works on it, else after the step under way.

    Raises:
        UsageError: it has ended already.
        ForbiddenError: we may not change the lease, or the run's copy.
    """
    async with looking_on(choice, progress, steering=True) as onlooker:
        run = onlooker.run
        if run.state not in ("running", "halted"):
            raise UsageError(
                f"the run has ended, it is {run.state}", on=run.id, next_step="`resail rollback` undoes a run that is done"
            )
        if onlooker.here:
            onlooker.journal.request(run.id, "abort")
            return Steered(run, pending=True)
        try:
            await _end(onlooker, progress)
        except LockedError:
            await onlooker.ask("abort")
            return Steered(run, pending=True)
        return Steered(onlooker.journal.run(run.id), pending=False)


async def _end(onlooker: Onlooker, progress: Callable[[str], None]) -> None:
    """Where no process works on it."""
    aborted = RunFinished("aborted", "ended by `resail abort`")
    if onlooker.connection is None:
        with hold(onlooker.state.root):
            onlooker.journal.append(onlooker.run.id, aborted)
        return
    connection = onlooker.connection
    async with taking_turn(connection, onlooker.state, onlooker.namespace, progress) as turn, turn.held():
        copy = await turn.copy_of(onlooker.run.id, onlooker.plan)
        turn.journal.append(onlooker.run.id, aborted)
        await copy.settle()


def _standing(run: Run) -> str:
    return "interrupted" if run.state == "running" else run.state
