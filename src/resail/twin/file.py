"""The twin's SQLite file: every object, what is to happen at which time, and the time."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from resail.errors import ArtifactError

__all__ = ["Beginning", "TwinFile"]

_FORMAT = 1

_SCHEMA = """
CREATE TABLE objects (kind TEXT, namespace TEXT, name TEXT, body BLOB, PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
CREATE TABLE timers (name TEXT PRIMARY KEY, due REAL) WITHOUT ROWID;
CREATE TABLE twin (beginning BLOB, version INTEGER, elapsed REAL);
"""


class Beginning(msgspec.Struct, frozen=True):
    """What a twin was made with; it stays."""

    seed: int
    start: datetime
    """The time of the twin's clock when it was made."""
    ready_seconds: dict[str, float]
    """Workload → how long its pods take to get ready."""
    faults: tuple[str, ...]
    """As the command line has them; their times count from the start."""


class TwinFile:
    """One process has it open at a time. What ``write`` was given is there after the process is killed."""

    def __init__(self, path: Path) -> None:
        """Open or make it.

        Raises:
            ArtifactError: it is no twin, damaged, or of a later format.
        """
        self._path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            # It need not survive a power cut, only the process: what the system has been given is enough.
            self._connection.execute("PRAGMA synchronous = OFF")
            (found,) = self._connection.execute("PRAGMA user_version").fetchone()
            if found == 0:
                self._connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_FORMAT}; COMMIT;")
        except sqlite3.DatabaseError as error:
            raise self._unusable(f"it cannot be read: {error}") from error
        if found not in (0, _FORMAT):
            raise self._unusable(f"its format is {found}, this resail knows {_FORMAT}")

    def beginning(self) -> tuple[Beginning, int, float] | None:
        """How it began, the last version that was given out, and the time that has gone by; None where it is new."""
        row = self._connection.execute("SELECT beginning, version, elapsed FROM twin").fetchone()
        return (msgspec.json.decode(row[0], type=Beginning), row[1], row[2]) if row else None

    def begin(self, beginning: Beginning) -> None:
        self._connection.execute("INSERT INTO twin VALUES (?, 0, 0.0)", (msgspec.json.encode(beginning),))

    def objects(self) -> Iterable[tuple[str, bytes]]:
        """Kind and JSON of each."""
        yield from self._connection.execute("SELECT kind, body FROM objects ORDER BY kind, namespace, name")

    def timers(self) -> dict[str, float]:
        return dict(self._connection.execute("SELECT name, due FROM timers ORDER BY name"))

    def write(
        self,
        objects: Iterable[tuple[str, str, str, bytes | None]],
        timers: Iterable[tuple[str, float | None]],
        version: int,
        elapsed: float,
    ) -> None:
        """All of it or nothing; None takes an object or a timer away."""
        self._connection.execute("BEGIN IMMEDIATE")
        for kind, namespace, name, body in objects:
            if body is None:
                key = (kind, namespace, name)
                self._connection.execute("DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?", key)
            else:
                self._connection.execute("REPLACE INTO objects VALUES (?, ?, ?, ?)", (kind, namespace, name, body))
        for timer, due in timers:
            if due is None:
                self._connection.execute("DELETE FROM timers WHERE name = ?", (timer,))
            else:
                self._connection.execute("REPLACE INTO timers VALUES (?, ?)", (timer, due))
        self._connection.execute("UPDATE twin SET version = ?, elapsed = ?", (version, elapsed))
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()

    def _unusable(self, what: str) -> ArtifactError:
        return ArtifactError(what, on=str(self._path), next_step="give the path of a twin's file, or of none to make one there")
