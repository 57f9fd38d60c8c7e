"""Start a program that writes to a cluster so that it ends when we may write no longer, even while we ourselves are stopped."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from resail.tenure import keeper
from resail.tenure.tenure import Tenure

__all__ = ["leashed"]

_PATIENCE = 10.0  # seconds for a keeper to kill its program


@asynccontextmanager
async def leashed(
    executable: str | Path,
    *arguments: str | Path,
    tenure: Tenure,
    name: str = "",
    env: Mapping[str, str] | None = None,
    **streams: Any,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program for the time of the context: afterwards it has ended, by SIGKILL where it does not by itself.

    It is killed too, with all that it started, when the tenure ends and when this process dies. Signals of the terminal do not
    reach it. The process that is handed out ends as the program does, and when it was killed only ``tenure.check()`` tells
    that the lease was lost, so whoever waits for it calls that first.

    Args:
        executable: path of the program.
        arguments: for it.
        tenure: for how long it may run.
        name: what it is called (``argv[0]``); empty: as its path.
        env: its environment; None: ours.
        streams: ``stdin``, ``stdout``, ``stderr``, ``limit`` and ``cwd`` as for ``asyncio.create_subprocess_exec``.

    Raises:
        LeaseLostError: the tenure is over.
    """
    tenure.check()
    ours, theirs = _pipe()
    command = (str(executable), name or str(executable), *map(str, arguments))
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            keeper.__file__,
            str(theirs),
            repr(tenure.until),
            *command,
            pass_fds=(theirs,),
            start_new_session=True,
            env=env,
            **streams,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)

    def tell(until: float) -> None:
        # A keeper that has ended reads no more; one that is stopped has the last moment that it was told.
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(ours, f"{until!r}\n".encode())

    try:
        with tenure.followed(tell):
            # It may have been moved on while the keeper was started.
            tell(tenure.until)
            yield process
    finally:
        os.close(ours)
        try:
            await asyncio.wait_for(process.wait(), _PATIENCE)
        except TimeoutError:
            # A keeper that someone has stopped: the program dies with it.
            process.kill()
            await process.wait()


def _pipe() -> tuple[int, int]:
    """Our end, which is written to, and theirs."""
    theirs, ours = os.pipe()
    os.set_blocking(ours, False)
    return ours, theirs
