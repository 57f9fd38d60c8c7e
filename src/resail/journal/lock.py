"""One process at a time works on a state directory. The kernel lets go of the lock when the process dies."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from resail.errors import LockedError

__all__ = ["hold", "holder_of"]


@contextlib.contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Hold the directory's lock.

    Raises:
        LockedError: another process has it; the message names it.
    """
    with (directory / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise LockedError(
                f"{holder} works on it", on=str(directory), next_step="wait for it, or steer it with `resail pause` or `abort`"
            ) from error
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
        # Whoever reads an old holder's name should not take it for the present one.
        file.seek(0)
        file.truncate()


def holder_of(directory: Path) -> str:
    """Who holds the directory's lock; empty where nobody does, or there is no such directory. Writes nothing."""
    with contextlib.suppress(FileNotFoundError), (directory / "lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or "another process"
    return ""
