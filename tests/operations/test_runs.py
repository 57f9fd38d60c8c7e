"""State directories, and steering and reading a run beside it: on real journals, plans and locks."""

from pathlib import Path

import pytest
from tests.report.runs import INSTALL, TAG, a_plan

from resail.errors import ArtifactError, LockedError, UsageError
from resail.journal.lock import hold
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.models.journal import RunFinished, RunHalted, RunStarted, StepIntent, StepOutcome
from resail.operations.control import abort, pause
from resail.operations.outcome import read_record, write_record
from resail.operations.report import render, report
from resail.operations.runs import RunChoice, StateDirectory, new_run_id, refuse_unfinished, state_directory
from resail.operations.status import status
from resail.plan.file import read_plan

FILES = a_plan()


class Started:
    """A state directory with one run that was begun."""

    def __init__(self, root: Path) -> None:
        self.state = state_directory(root, "c0ffee")
        self.journal: SqliteJournal = open_journal(self.state.journal)
        self.run = new_run_id()
        self.journal.append(self.run, RunStarted(FILES.id, str(self.state.keep_plan(FILES)), "c0ffee"))
        self.journal.append(self.run, StepIntent(INSTALL, "do"))
        self.choice = RunChoice(directory=root)


@pytest.fixture
def started(tmp_path: Path) -> Started:
    return Started(tmp_path / "state")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        state_directory(tmp_path / "file", "c0ffee")
    assert "--dir" in caught.value.next_step


def test_the_kept_plan_is_put_right_where_it_was_damaged(tmp_path: Path) -> None:
    state = state_directory(tmp_path, "c0ffee")
    path = state.keep_plan(FILES)
    assert path.name == f"{FILES.id[7:19]}.zip"
    path.write_bytes(path.read_bytes()[:-1])
    assert read_plan(state.keep_plan(FILES)).id == FILES.id


async def test_a_killed_run_is_told_from_one_at_work(started: Started) -> None:
    killed = await status(started.choice)
    assert (killed.run.state, killed.at_work, killed.steps[0].outcome) == ("running", False, "interrupted")
    with hold(started.state.root):
        working = await status(started.choice)
    assert (working.at_work, working.steps[0].outcome) == (True, "running")
    assert "process" in working.holder


async def test_a_run_is_found_by_its_id_or_the_latest_is_meant(started: Started) -> None:
    started.journal.append(started.run, RunFinished("done"))
    later = "r-ffffffff"
    started.journal.append(later, RunStarted(FILES.id, str(started.state.keep_plan(FILES)), "c0ffee"))
    assert (await status(started.choice)).run.id == later
    chosen = RunChoice(directory=started.state.root, run=started.run)
    assert (await status(chosen)).run.id == started.run
    with pytest.raises(UsageError):
        await status(RunChoice(directory=started.state.root, run="r-nothing"))


async def test_pause_asks_whoever_works_on_it(started: Started) -> None:
    with hold(started.state.root):
        assert (await pause(started.choice)).pending
        assert (await status(started.choice)).requested == "pause"
    assert started.journal.requested(started.run) == "pause"


async def test_pause_of_a_run_that_nobody_works_on_is_refused(started: Started) -> None:
    with pytest.raises(UsageError, match="interrupted"):
        await pause(started.choice)
    assert started.journal.requested(started.run) is None


async def test_abort_of_a_run_at_work_is_a_request(started: Started) -> None:
    with hold(started.state.root):
        steered = await abort(started.choice)
    assert steered.pending
    assert started.journal.requested(started.run) == "abort"
    assert started.journal.run(started.run).state == "running"


async def test_abort_of_a_run_that_nobody_works_on_ends_it(started: Started) -> None:
    started.journal.append(started.run, RunHalted("gate", INSTALL, "not ready"))
    steered = await abort(started.choice)
    assert (steered.pending, steered.run.state) == (False, "aborted")
    with pytest.raises(UsageError, match="ended"):
        await abort(started.choice)


def test_a_run_beside_an_unfinished_one_is_refused(started: Started) -> None:
    with pytest.raises(LockedError) as caught:
        refuse_unfinished(started.journal.runs())
    assert caught.value.on == started.run
    assert "resail resume" in caught.value.next_step
    started.journal.append(started.run, RunFinished("aborted"))
    refuse_unfinished(started.journal.runs())
    refuse_unfinished([])


async def test_the_report_is_what_was_measured_until_the_run_goes_on(started: Started) -> None:
    started.journal.append(started.run, StepOutcome(INSTALL, "do", "done"))
    started.journal.append(started.run, RunHalted("paused", TAG, ""))
    record = read_record(started.state, started.journal, started.run, FILES, 7, live=False)
    write_record(started.state, record, FILES, started.journal.entries(started.run))
    assert Path(record.report).read_text().startswith("<!doctype html>")

    told = await report(started.choice)
    assert told.record == record
    assert render(told, "md").startswith("# Istio 1.26.0 → 1.27.9")

    started.journal.append(started.run, StepIntent(TAG, "do"))
    gone_on = (await report(started.choice)).record
    assert gone_on.pods_on_target is None
    assert gone_on.steps[1].outcome != "pending"


async def test_a_run_whose_plan_is_gone_is_told_so(started: Started) -> None:
    started.state.plan(FILES.id).unlink()
    with pytest.raises(ArtifactError):
        await status(started.choice)


async def test_nothing_is_made_where_nothing_was_run(tmp_path: Path) -> None:
    for work in (status, report, pause, abort):
        with pytest.raises(UsageError):
            await work(RunChoice(directory=tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    assert not StateDirectory(tmp_path).journal.exists()
