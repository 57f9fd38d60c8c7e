"""Journals that were damaged: SQLite files byte by byte, and rows that hold what no resail writes."""

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from resail.journal.sqlite import open_journal
from resail.models.journal import (
    BudgetCounts,
    CallIntent,
    CallOutcome,
    EntryBody,
    Measured,
    Progress,
    RunHalted,
    RunResumed,
    RunStarted,
    StepIntent,
    StepOutcome,
)
from resail.operations.runs import StateDirectory
from tests.fuzz.mutations import ODD, spoiled_bytes, spoiled_tree
from tests.fuzz.verdict import ends_well, few_and_many, files_below
from tests.report.runs import INSTALL, LABEL, TAG, WAVE, a_plan

RUN = "r-00000001"
BODIES: tuple[EntryBody, ...] = (
    Measured({"1.26.0": 5}, {"shop/cart": BudgetCounts(2, 1, 1)}),
    StepIntent(INSTALL, "do"),
    CallIntent(1, INSTALL, "helm install", "istio-system/istiod-1-27-9"),
    CallOutcome(1, ok=True),
    StepOutcome(INSTALL, "do", "done", "it is there"),
    RunHalted("paused", TAG, "by a wish"),
    RunResumed("do"),
    StepIntent(TAG, "do"),
    StepOutcome(TAG, "do", "skipped"),
    StepIntent(LABEL, "do"),
    StepOutcome(LABEL, "do", "done"),
    StepIntent(WAVE, "do"),
    Progress(WAVE, "2 of 5", 2, 5),
    CallIntent(2, WAVE, "patch", "shop/Deployment/cart"),
    Measured({"1.26.0": 3, "1.27.9": 2}, {"shop/cart": None}),
    RunHalted("interrupted", WAVE, "the API went away"),
)


def make(root: Path) -> None:
    """A state directory with a run in the middle."""
    state = StateDirectory(root)
    (root / "plans").mkdir(parents=True)
    files = a_plan()
    journal = open_journal(state.journal)
    for body in (RunStarted(files.id, str(state.keep_plan(files)), "c0ffee"), *BODIES):
        journal.append(RUN, body)
    journal.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("journals") / "valid"
    make(root)
    assert ends_well({0}, "status", "--dir", root) == 0
    assert ends_well({0}, "report", "--dir", root) == 0
    return root


def _valid() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder) / "state")
        return (Path(folder) / "state" / "journal.db").read_bytes()


VALID = _valid()


@contextlib.contextmanager
def copy_of(place: Path) -> Any:
    copy = place.with_name("copy")
    shutil.copytree(place, copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


def judge(root: Path) -> None:
    """Every command that reads a journal, or would write to the cluster by it."""
    plans = files_below(root / "plans")
    for verb in ("status", "report"):
        ends_well({0, 2, 9}, verb, "--dir", root)
    for verb in ("resume", "rollback", "pause", "abort"):
        options = ("--kubeconfig", root / "nowhere") if verb in ("resume", "rollback") else ()
        ends_well({0, 2, 8, 9} if not options else {2, 8, 9}, verb, "--dir", root, *options)
    assert files_below(root / "plans") == plans


def damaged(place: Path, data: bytes) -> None:
    with copy_of(place) as root:
        (root / "journal.db").write_bytes(data)
        judge(root)


def odd_rows(place: Path, change: tuple[str, int, Any]) -> None:
    column, sequence, value = change
    with copy_of(place) as root:
        with (
            contextlib.suppress(OverflowError, sqlite3.IntegrityError),
            contextlib.closing(sqlite3.connect(root / "journal.db")) as connection,
            connection,
        ):
            connection.execute(f"UPDATE entries SET {column} = ? WHERE sequence = ?", (value, sequence))
        judge(root)


def odd_bodies(place: Path, change: tuple[int, Any]) -> None:
    sequence, body = change
    try:
        encoded = msgspec.json.encode(body)
    except OverflowError:
        encoded = str(body).encode()
    odd_rows(place, ("body", sequence, encoded))


def _bodies() -> st.SearchStrategy[tuple[int, Any]]:
    trees = [msgspec.json.decode(msgspec.json.encode(body)) for body in (RunStarted("sha256:1", "/plan.zip", "c"), *BODIES)]
    return st.integers(1, len(trees)).flatmap(lambda number: st.tuples(st.just(number), spoiled_tree(trees[number - 1])))


VALUES = [value for value in ODD if isinstance(value, str | int | float | None)] + [b"", b"{}", b"\xff"]
ROWS = st.tuples(st.sampled_from(["run", "sequence", "time", "body"]), st.integers(1, len(BODIES) + 1), st.sampled_from(VALUES))

test_a_damaged_file, test_many_damaged_files = few_and_many(spoiled_bytes(VALID), few=15)(damaged)
test_an_odd_row, test_many_odd_rows = few_and_many(ROWS, few=15)(odd_rows)
test_an_odd_entry, test_many_odd_entries = few_and_many(_bodies(), few=15)(odd_bodies)
