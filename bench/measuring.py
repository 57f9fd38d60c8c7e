"""Run a program and say what it cost."""

import compileall
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import click
import msgspec

import resail

__all__ = ["Cost", "compiled", "machine", "measure", "median"]

_KIB = 1024


class Cost(msgspec.Struct, frozen=True):
    """What one run of a program cost, with the children that it waited for."""

    seconds: float
    """Wall clock."""
    cpu_seconds: float
    """User and system."""
    peak_bytes: int
    """Largest resident set of any one process of it."""


def measure(command: Sequence[str | Path], output: Path, environment: Mapping[str, str], fine: Collection[int] = (0,)) -> Cost:
    """Run it once, standard output into the file; ``fine`` are the exit codes with which it has done its work.

    Raises:
        RuntimeError: it failed; its standard error is in the message.
    """
    with output.open("wb") as stdout:
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command], stdout=stdout, stderr=subprocess.PIPE, env={**os.environ, **environment}
        )
        assert process.stderr is not None
        complaint = process.stderr.read()
        # Popen.wait would throw the usage away.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode not in fine:
        raise RuntimeError(f"{' '.join(map(str, command))}: {complaint.decode(errors='replace')[-2000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _KIB)


def compiled() -> dict[str, str]:
    """An environment for Python programs, whose byte code is there then, as an installer leaves it."""
    for folder in (Path(resail.__file__).parent, Path(click.__file__).parents[1]):
        compileall.compile_dir(folder, quiet=2)
    return {"PYTHONDONTWRITEBYTECODE": ""}


def machine() -> str:
    """What the figures are of, and what else it does."""
    return f"{platform.machine()} with {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f})"


def median(costs: Sequence[Cost]) -> Cost:
    """Of each figure by itself."""
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        statistics.median(cost.cpu_seconds for cost in costs),
        int(statistics.median(cost.peak_bytes for cost in costs)),
    )
