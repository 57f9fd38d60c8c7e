"""The keeper of a program: starts it, and kills it with all that it started once its time is over or its owner is gone.

A process of its own, since the owner may be stopped just when the time is over. It is run as a file by an interpreter
without site-packages, so only the standard library is there:

    python -I -S keeper.py PIPE UNTIL EXECUTABLE ARGUMENT0 ...

PIPE is the number of a file descriptor from which lines with new moments are read; UNTIL the first of them, in seconds of
CLOCK_BOOTTIME. It ends as the program does: with its exit code, or by its signal.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1
_LONGEST_WAIT = 0.25
"""Seconds between two looks at the clock: what ``select`` waits by stands still while the machine sleeps."""


def main() -> None:
    """See the module."""
    pipe, until, executable, arguments = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:]
    os.set_inheritable(pipe, False)
    ended = _child_ends()
    program = _start(executable, arguments)
    # Whoever reads what the program writes, or writes what it reads, should see it end.
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    _keep(program, pipe, until, ended)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program, signal.SIGKILL)
    _end_as(os.waitpid(program, 0)[1])


def _child_ends() -> int:
    """A file descriptor that can be read once a child ends."""
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return ended


def _start(executable: str, arguments: list[str]) -> int:
    keeper = os.getpid()
    program = os.fork()
    if program:
        # Both sides make the group, as each may need it before the other one gets to it.
        with contextlib.suppress(OSError):
            os.setpgid(program, program)
        return program
    try:
        os.setpgid(0, 0)
        # Python ignores this one, and what is ignored stays so in the program.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == keeper:
            os.execv(executable, arguments)
    finally:
        os._exit(127)


def _keep(program: int, pipe: int, until: float, ended: int) -> None:
    """Returns when the program has ended, or shall."""
    pending = b""
    while (left := until - time.clock_gettime(time.CLOCK_BOOTTIME)) > 0:
        ready, _, _ = select.select([pipe, ended], [], [], min(left, _LONGEST_WAIT))
        if ended in ready:
            return
        if pipe in ready:
            told = os.read(pipe, 4096)
            if not told:
                return
            *lines, pending = (pending + told).split(b"\n")
            until = float(lines[-1]) if lines else until


def _end_as(status: int) -> None:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
