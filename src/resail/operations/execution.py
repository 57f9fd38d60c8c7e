"""Run an engine on a plan: signals, followers of the journal, and what is left when it ends."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Protocol

import msgspec

from resail.errors import InterruptedRunError, LeaseLostError, ResailError
from resail.journal.sqlite import SqliteJournal
from resail.models.journal import Entry, RunHalted
from resail.models.plan import PlanFiles
from resail.models.record import Record

__all__ = ["RunResult", "RunWatcher", "SilentWatcher", "carry_out"]

_POLL_SECONDS = 0.1


class RunWatcher(Protocol):
    """Who wants to see a run while it goes on."""

    def began(self, files: PlanFiles, entries: list[Entry]) -> None:
        """This turn at the run begins; ``entries`` are those so far, from the run's first to this turn's own."""
        ...

    def saw(self, entries: list[Entry]) -> None:
        """New entries of the journal, in order."""
        ...

    def ended(self) -> None:
        """No more entries follow."""
        ...

    def progress(self, text: str) -> None:
        """Something goes on outside of the journal: a release is fetched."""
        ...


class SilentWatcher:
    """Looks away."""

    def began(self, files: PlanFiles, entries: list[Entry]) -> None: ...

    def saw(self, entries: list[Entry]) -> None: ...

    def ended(self) -> None: ...

    def progress(self, text: str) -> None: ...


class RunResult(msgspec.Struct, frozen=True):
    """How a run ended: always with a record, and with an error where it is not simply done."""

    record: Record
    error: ResailError | None = None
    waits_for: str = ""
    """The step whose approval the run is halted for; empty where it is not."""


async def carry_out(
    work: Coroutine[Any, Any, None],
    journal: SqliteJournal,
    files: PlanFiles,
    run: str,
    watcher: RunWatcher,
    lost: asyncio.Future[LeaseLostError] | None = None,
) -> ResailError | None:
    """Do ``work`` on the run until it ends, fails, the lease is ``lost`` or a signal interrupts it; returns what stopped it, if
    anything.

    Afterwards the journal never says ``running``: a run that was cut off is halted, and can be resumed.
    """
    before = journal.entries(run)
    watcher.began(files, before)
    error: ResailError | None = None
    async with _followed(journal, run, watcher, before[-1].sequence):
        task = asyncio.ensure_future(work)
        try:
            with _signals_cancel(task) as signals, _loss_cancels(task, lost):
                await task
        except asyncio.CancelledError:
            if lost is not None and lost.done():
                _halt(journal, run, str(lost.result()))
                return lost.result()
            _halt(journal, run, f"by {signals[0].name}" if signals else "cancelled")
            if not signals:
                raise
            error = InterruptedRunError(
                f"interrupted by {signals[0].name}",
                on=run,
                next_step="`resail resume` goes on where it stopped, `resail rollback` undoes it",
            )
        except ResailError as failure:
            _halt(journal, run, str(failure))
            error = failure
        except BaseException as failure:
            _halt(journal, run, f"unexpected {type(failure).__name__}: {failure}")
            raise
    return error


def _halt(journal: SqliteJournal, run: str, detail: str) -> None:
    """Where the engine itself could not write how it ended."""
    standing = journal.run(run)
    if standing.state == "running":
        journal.append(run, RunHalted(why="interrupted", step=standing.step, detail=detail))


@contextlib.contextmanager
def _signals_cancel(task: asyncio.Future[None]) -> Iterator[list[signal.Signals]]:
    """SIGINT and SIGTERM cancel the task; yields those that came."""
    loop = asyncio.get_running_loop()
    came: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        came.append(number)
        task.cancel()

    with contextlib.ExitStack() as handlers:
        for number in (signal.SIGINT, signal.SIGTERM):
            # Not in a thread other than the main one, where a library's user may be.
            with contextlib.suppress(ValueError, RuntimeError):
                loop.add_signal_handler(number, stop, number)
                handlers.callback(loop.remove_signal_handler, number)
        yield came


@contextlib.contextmanager
def _loss_cancels(task: asyncio.Future[None], lost: asyncio.Future[LeaseLostError] | None) -> Iterator[None]:
    if lost is None:
        yield
        return

    def stop(_: object) -> None:
        task.cancel()

    lost.add_done_callback(stop)
    try:
        yield
    finally:
        lost.remove_done_callback(stop)


@contextlib.asynccontextmanager
async def _followed(journal: SqliteJournal, run: str, watcher: RunWatcher, shown: int) -> AsyncIterator[None]:
    """Show the watcher every entry of the run after number ``shown``."""

    def show() -> None:
        nonlocal shown
        entries = journal.entries(run, shown)
        if entries:
            shown = entries[-1].sequence
            watcher.saw(entries)

    async def follow() -> None:
        while True:
            show()
            await asyncio.sleep(_POLL_SECONDS)

    follower = asyncio.ensure_future(follow())
    try:
        yield
    finally:
        follower.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await follower
        show()
        watcher.ended()
