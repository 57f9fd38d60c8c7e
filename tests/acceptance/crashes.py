"""Die between any two things that reach the disk: what SIGKILL leaves, without a process that is killed.

All that survives a run's process is in two SQLite files, the journal and the twin. A copy of them that is made right after a
commit is what a kill there would leave, so a walk over the commits is a walk over all moments that can be told apart.
"""

import asyncio
import gc
import shutil
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from resail.twin.loop import SimulatedLoop

__all__ = ["KilledError", "committing", "leave_behind", "settle"]

T = TypeVar("T")


class KilledError(SystemExit):
    """Ends whatever runs: of all exceptions the event loop lets only this kind through at once."""


def settle(work: Coroutine[Any, Any, T]) -> T:
    """Run an operation to its end, as the command line does."""
    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(real=True)) as runner:
        return runner.run(work)


@contextmanager
def committing(seen: Callable[[int], None]) -> Iterator[None]:
    """In the context ``seen`` is told the number, from 1, of each transaction of any SQLite file that has just ended."""
    number = 0

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            nonlocal number
            cursor = super().execute(sql, *parameters)
            if sql == "COMMIT":
                number += 1
                seen(number)
            return cursor

    connect = sqlite3.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, factory=Watched, **named))
        yield


def leave_behind(directory: Path, copy: Path) -> Path:
    """The state directory as a kill would leave it now; without plans, whose places the journal knows."""
    # A connection that nobody closed takes its files away once it is collected: not in the middle of this.
    gc.collect()
    # What SQLite shares between processes is not on the disk.
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("*-shm", "*.zip", "reports"))
    return copy
