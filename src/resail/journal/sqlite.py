"""The journal in a SQLite file, in WAL mode: one process writes, others may read meanwhile."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from resail.errors import ArtifactError, UsageError
from resail.journal.fold import fold_run
from resail.journal.migrations import MIGRATIONS
from resail.models.encoding import canonical_json
from resail.models.journal import Entry, EntryBody, Run, RunStarted

__all__ = ["SqliteJournal", "on_the_wall", "open_journal"]

_BUSY = 10_000  # milliseconds to wait for another process's transaction


def on_the_wall() -> datetime:
    """The time of now."""
    return datetime.now(UTC)


def open_journal(path: Path, now: Callable[[], datetime] = on_the_wall) -> "SqliteJournal":
    """Open or make the journal at ``path``; ``now`` gives its entries their time.

    Raises:
        ArtifactError: the file is no journal, damaged, or of a later format.
    """
    with _explained(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY / 1000)
        connection.execute("PRAGMA journal_mode = WAL")
        # An intent must be on the disk before its act: a power cut must not take it away.
        connection.execute("PRAGMA synchronous = FULL")
        _migrate(connection, path)
    return SqliteJournal(connection, path, now)


class SqliteJournal:
    """Append-only. Each ``append`` is on the disk when it returns."""

    def __init__(self, connection: sqlite3.Connection, path: Path, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._path = path
        self._now = now

    def append(self, run: str, body: EntryBody) -> Entry:
        """Add an entry, with the next number of its run and the time of now."""
        time = self._now()
        with _explained(self._path), self._transaction():
            row = self._connection.execute("SELECT max(sequence) FROM entries WHERE run = ?", (run,)).fetchone()
            sequence = (row[0] or 0) + 1
            if sequence == 1:
                self._connection.execute("INSERT INTO runs (run) VALUES (?)", (run,))
            self._connection.execute(
                "INSERT INTO entries (run, sequence, time, body) VALUES (?, ?, ?, ?)",
                (run, sequence, time.isoformat(), canonical_json(body)),
            )
        return Entry(sequence=sequence, run=run, time=time, body=body)

    def entries(self, run: str, after: int = 0) -> list[Entry]:
        """The entries of a run with a number above ``after``, in order.

        Raises:
            ArtifactError: an entry is damaged, or one is missing.
        """
        with _explained(self._path):
            rows = self._connection.execute(
                "SELECT sequence, time, body FROM entries WHERE run = ? AND sequence > ? ORDER BY sequence", (run, after)
            ).fetchall()
        found = [self._entry(run, *row) for row in rows]
        if [entry.sequence for entry in found] != list(range(after + 1, after + 1 + len(found))):
            raise self._damaged(f"entries of run {run} are missing")
        return found

    def runs(self) -> list[Run]:
        """All runs, newest last."""
        with _explained(self._path):
            rows = self._connection.execute("SELECT run FROM runs ORDER BY position").fetchall()
        return [self._fold(name) for (name,) in rows]

    def run(self, name: str | None) -> Run:
        """A run by its id; None: the latest.

        Raises:
            UsageError: there is none.
        """
        with _explained(self._path):
            known = [row[0] for row in self._connection.execute("SELECT run FROM runs ORDER BY position").fetchall()]
        if not known:
            raise UsageError("no upgrade was run from here", on=str(self._path), next_step="start one with `resail apply PLAN`")
        chosen = known[-1] if name is None else name
        if chosen not in known:
            raise UsageError("there is no such run", on=chosen, next_step=f"there are {', '.join(known)}")
        return self._fold(chosen)

    def request(self, run: str, what: Literal["pause", "abort"]) -> None:
        """Ask the process that works on the run to stop; it looks between steps."""
        with _explained(self._path):
            self._connection.execute("INSERT OR REPLACE INTO requests (run, what) VALUES (?, ?)", (run, what))

    def requested(self, run: str) -> str | None:
        """``pause`` or ``abort``, where that was asked for."""
        with _explained(self._path):
            row = self._connection.execute("SELECT what FROM requests WHERE run = ?", (run,)).fetchone()
        return None if row is None else str(row[0])

    def clear_request(self, run: str) -> None:
        """It was followed, or the run goes on in spite of it."""
        with _explained(self._path):
            self._connection.execute("DELETE FROM requests WHERE run = ?", (run,))

    def copied_to(self, run: str) -> str | None:
        """The namespace of its cluster in which a run has a copy; None: it has none."""
        with _explained(self._path):
            row = self._connection.execute("SELECT namespace FROM copies WHERE run = ?", (run,)).fetchone()
        return None if row is None else str(row[0])

    def mark_copied(self, run: str, namespace: str) -> None:
        """It has a copy there."""
        with _explained(self._path):
            self._connection.execute("INSERT OR REPLACE INTO copies (run, namespace) VALUES (?, ?)", (run, namespace))

    def adopt(self, runs: Mapping[str, Sequence[Entry]]) -> None:
        """From now on these are the entries of these runs, and these are the latest runs, in this order."""
        with _explained(self._path), self._transaction():
            for run, entries in runs.items():
                for table in ("entries", "runs"):
                    self._connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
                self._connection.execute("INSERT INTO runs (run) VALUES (?)", (run,))
                self._connection.executemany(
                    "INSERT INTO entries (run, sequence, time, body) VALUES (?, ?, ?, ?)",
                    [(run, each.sequence, each.time.isoformat(), canonical_json(each.body)) for each in entries],
                )

    def write_aside(self, path: Path) -> None:
        """Write the journal as it is now into another file, which is replaced."""
        with _explained(path):
            path.unlink(missing_ok=True)
            self._connection.execute("VACUUM INTO ?", (str(path),))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _fold(self, run: str) -> Run:
        entries = self.entries(run)
        if not entries or not isinstance(entries[0].body, RunStarted):
            raise self._damaged(f"run {run} has no beginning")
        return fold_run(entries)

    def _entry(self, run: str, sequence: int, time: str, body: bytes) -> Entry:
        try:
            decoded: EntryBody = msgspec.json.decode(body, type=EntryBody)
            return Entry(sequence=sequence, run=run, time=datetime.fromisoformat(time), body=decoded)
        except (msgspec.DecodeError, ValueError, TypeError) as error:
            raise self._damaged(f"entry {sequence} of run {run}: {error}") from error

    def _damaged(self, what: str) -> ArtifactError:
        return ArtifactError(
            f"the journal is damaged: {what}", on=str(self._path), next_step="restore it from a copy; do not resume from it"
        )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ArtifactError(
            f"the journal cannot be used: {error}", on=str(path), next_step="see the disk and the file's rights"
        ) from error


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise ArtifactError(
            f"the journal is of format {version}, and this resail knows up to {len(MIGRATIONS)}",
            on=str(path),
            next_step="use the resail that wrote it, or a later one",
        )
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{script}PRAGMA user_version = {number};COMMIT;")
