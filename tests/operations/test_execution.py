"""How a run ends when its work fails, is interrupted, or is done."""

import os
import signal
import sqlite3
from pathlib import Path

import pytest
from tests.report.runs import INSTALL, a_plan

from resail.errors import ExitCode, HaltedError, InterruptedRunError
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.models.journal import Entry, RunFinished, RunHalted, RunResumed, RunStarted, StepIntent
from resail.models.plan import PlanFiles
from resail.operations.execution import SilentWatcher, carry_out

FILES = a_plan()
RUN = "r-00000001"


class Noting(SilentWatcher):
    """Writes down what it sees."""

    def __init__(self) -> None:
        self.seen: list[Entry] = []
        self.told: list[str] = []

    def began(self, files: PlanFiles, entries: list[Entry]) -> None:
        self.told.append(f"began after {len(entries)}")

    def saw(self, entries: list[Entry]) -> None:
        self.seen += entries

    def ended(self) -> None:
        self.told.append("ended")


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    journal = open_journal(tmp_path / "journal.db")
    journal.append(RUN, RunStarted(FILES.id, "plan.zip", "c0ffee"))
    return journal


async def test_the_watcher_sees_every_entry_once_and_in_order(journal: SqliteJournal) -> None:
    async def work() -> None:
        journal.append(RUN, StepIntent(INSTALL, "do"))
        journal.append(RUN, RunFinished("done"))

    watcher = Noting()
    assert await carry_out(work(), journal, FILES, RUN, watcher) is None
    assert [entry.sequence for entry in watcher.seen] == [2, 3]
    assert watcher.told == ["began after 1", "ended"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_halts_the_run_and_leaves_it_resumable(journal: SqliteJournal, number: signal.Signals) -> None:
    import asyncio

    async def work() -> None:
        journal.append(RUN, StepIntent(INSTALL, "do"))
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()

    error = await carry_out(work(), journal, FILES, RUN, SilentWatcher())
    assert isinstance(error, InterruptedRunError)
    assert error.exit_code == ExitCode.INTERRUPTED
    assert number.name in error.what
    run = journal.run(RUN)
    assert (run.state, run.step) == ("halted", INSTALL)
    assert isinstance(journal.entries(RUN)[-1].body, RunHalted)


async def test_what_the_engine_has_said_of_its_halt_stands(journal: SqliteJournal) -> None:
    async def work() -> None:
        journal.append(RUN, RunHalted("gate", INSTALL, "not ready"))
        raise HaltedError("not ready", on=INSTALL)

    error = await carry_out(work(), journal, FILES, RUN, SilentWatcher())
    assert isinstance(error, HaltedError)
    assert len(journal.entries(RUN)) == 2
    assert journal.run(RUN).detail == "not ready"


async def test_a_run_is_never_left_running_by_an_error(journal: SqliteJournal) -> None:
    async def fail() -> None:
        raise HaltedError("no word in the journal", on=INSTALL)

    await carry_out(fail(), journal, FILES, RUN, SilentWatcher())
    assert journal.run(RUN).state == "halted"

    async def break_down() -> None:
        journal.append(RUN, RunResumed("do"))
        raise sqlite3.DatabaseError("a defect")

    with pytest.raises(sqlite3.DatabaseError):
        await carry_out(break_down(), journal, FILES, RUN, SilentWatcher())
    assert journal.run(RUN).state == "halted"
    assert "a defect" in journal.run(RUN).detail
