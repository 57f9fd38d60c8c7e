"""The journal: append only, gapless, durable, and never a traceback for what can happen to a file."""

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resail.errors import ArtifactError, LockedError, UsageError
from resail.journal.fold import fold_measurements, fold_run, fold_steps
from resail.journal.lock import hold
from resail.journal.migrations import MIGRATIONS
from resail.journal.sqlite import open_journal
from resail.models.journal import (
    BudgetCounts,
    CallIntent,
    CallOutcome,
    Entry,
    EntryBody,
    Measured,
    Progress,
    RunFinished,
    RunHalted,
    RunResumed,
    RunStarted,
    StepIntent,
    StepOutcome,
)

STARTED = RunStarted("sha256:1", "/plan.zip", "cluster")
STEPS = st.sampled_from(["01-a", "02-b", "03-c"])
COUNTS = st.builds(BudgetCounts, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
BUDGETS = st.dictionaries(st.sampled_from(["shop/cart", "shop/orders"]), st.none() | COUNTS)
BODIES: st.SearchStrategy[EntryBody] = st.one_of(
    st.builds(StepIntent, STEPS, st.sampled_from(["do", "undo"])),
    st.builds(StepOutcome, STEPS, st.sampled_from(["do", "undo"]), st.sampled_from(["done", "failed", "skipped"]), st.text()),
    st.builds(CallIntent, st.integers(1, 99), STEPS, st.just("patch"), st.text()),
    st.builds(CallOutcome, st.integers(1, 99), st.booleans(), st.text()),
    st.builds(Progress, STEPS, st.text(), st.integers(0, 9), st.integers(0, 9)),
    st.builds(Measured, st.dictionaries(st.text(max_size=9), st.integers(0, 9), max_size=3), BUDGETS),
    st.builds(RunHalted, st.sampled_from(["gate", "paused"]), STEPS, st.text()),
    st.builds(RunResumed, st.sampled_from(["do", "undo"])),
    st.builds(RunFinished, st.sampled_from(["done", "rolled-back", "aborted"]), st.text()),
)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["r-1", "r-2"]), BODIES), max_size=20))
def test_what_was_appended_is_there_after_reopening(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[tuple[str, EntryBody]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    journal = open_journal(path)
    written = [journal.append(run, STARTED) for run in ("r-1", "r-2")]
    written += [journal.append(run, body) for run, body in bodies]
    journal.close()

    again = open_journal(path)
    for run in ("r-1", "r-2"):
        mine = [entry for entry in written if entry.run == run]
        assert again.entries(run) == mine
        assert [entry.sequence for entry in mine] == list(range(1, len(mine) + 1))
        assert again.entries(run, after=1) == mine[1:]
        assert again.run(run) == fold_run(mine)
    assert [run.id for run in again.runs()] == ["r-1", "r-2"]
    again.close()


@given(st.lists(BODIES, max_size=25))
def test_any_prefix_can_be_folded(bodies: list[EntryBody]) -> None:
    entries = [Entry(number, "r", datetime.now(UTC), body) for number, body in enumerate([STARTED, *bodies], 1)]
    for length in range(1, len(entries) + 1):
        prefix = entries[:length]
        run = fold_run(prefix)
        assert run.updated == prefix[-1].time
        for standing in fold_steps(prefix).values():
            assert standing.begun


def test_a_step_stands_as_its_last_words_say() -> None:
    journal_of: list[EntryBody] = [
        StepIntent("01", "do"),
        StepOutcome("01", "do", "done"),
        StepIntent("02", "do"),
        StepOutcome("02", "do", "failed"),
        StepIntent("01", "undo"),
        StepOutcome("01", "undo", "done"),
    ]
    entries = [Entry(number, "r", datetime.now(UTC), body) for number, body in enumerate(journal_of, 1)]
    steps = fold_steps(entries)
    assert (steps["01"].done, steps["01"].undone) == (True, True)
    assert (steps["02"].begun, steps["02"].done) == (True, False)


def test_a_measurement_is_the_whole_of_what_the_changes_add_up_to() -> None:
    one, two = BudgetCounts(1, 1, 2), BudgetCounts(2, 1, 2)
    bodies: list[EntryBody] = [
        STARTED,
        Measured({"1.26.0": 3}, {"shop/a": one, "shop/b": one}),
        StepIntent("01", "do"),
        Measured({"1.26.0": 2, "1.27.9": 1}, {"shop/a": two}),
        Measured({"1.27.9": 3}, {"shop/b": None}),
    ]
    found = fold_measurements([Entry(number, "r", datetime.now(UTC), body) for number, body in enumerate(bodies, 1)])
    assert [each.pods for each in found] == [{"1.26.0": 3}, {"1.26.0": 2, "1.27.9": 1}, {"1.27.9": 3}]
    assert [each.budgets for each in found] == [
        {"shop/a": one, "shop/b": one},
        {"shop/a": two, "shop/b": one},
        {"shop/a": two},
    ]


def test_a_journal_of_the_first_format_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    old = sqlite3.connect(path)
    old.executescript(f"{MIGRATIONS[0]}PRAGMA user_version = 1;")
    body = b'{"type":"RunStarted","plan_id":"sha256:1","plan_file":"/plan.zip","cluster_id":"cluster"}'
    old.execute("INSERT INTO runs (run) VALUES ('r-1')")
    old.execute("INSERT INTO entries VALUES ('r-1', 1, '2026-01-31T12:00:00+00:00', ?)", (body,))
    old.commit()
    old.close()

    journal = open_journal(path)
    measured = journal.append("r-1", Measured({"1.27.9": 1}, {}))
    assert [entry.body for entry in journal.entries("r-1")] == [STARTED, measured.body]


_WRITER = """
import sys
from pathlib import Path
from resail.journal.sqlite import open_journal
from resail.models.journal import Progress, RunStarted
journal = open_journal(Path(sys.argv[1]))
journal.append("r-1", RunStarted("sha256:1", "/plan.zip", "cluster"))
number = 0
while True:
    number += 1
    entry = journal.append("r-1", Progress("01", "x" * 200, number, 0))
    print(entry.sequence, flush=True)
"""


def test_killed_while_it_writes_it_keeps_all_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, path], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(30)][-1]
    writer.kill()
    writer.wait()
    entries = open_journal(path).entries("r-1")
    assert len(entries) >= acknowledged
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))


@pytest.mark.parametrize("content", [b"not a database, but long enough to look like one" * 40, b"SQLite format 3\0" + bytes(200)])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(ArtifactError):
        open_journal(path).runs()


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append("r-1", STARTED)
    journal.append("r-1", RunFinished("done"))
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET body = '{' WHERE sequence = 2")
    with pytest.raises(ArtifactError, match="entry 2"):
        open_journal(path).entries("r-1")
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM entries WHERE sequence = 1")
    with pytest.raises(ArtifactError):
        open_journal(path).run("r-1")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ArtifactError, match="format 99"):
        open_journal(path)


def test_requests_and_unknown_runs(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.db")
    with pytest.raises(UsageError):
        journal.run(None)
    journal.append("r-1", STARTED)
    with pytest.raises(UsageError, match="no such run"):
        journal.run("r-9")
    assert journal.requested("r-1") is None
    journal.request("r-1", "pause")
    journal.request("r-1", "abort")
    assert journal.requested("r-1") == "abort"
    journal.clear_request("r-1")
    assert journal.requested("r-1") is None


def test_the_lock_names_its_holder(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(LockedError, match=f"process {os.getpid()}"), hold(tmp_path):
        pass
    with hold(tmp_path):
        pass
