"""Start programs that outlive us, and end exactly those."""

import itertools
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from resail.errors import ResailError

__all__ = ["Processes", "free_ports"]

_GRACE = 10.0  # seconds between SIGTERM and SIGKILL

_PORTS = range(10240, 32768)
"""Below the ports that the kernel gives to outgoing connections: one of those could take a program's port while it restarts."""


class _Started(msgspec.Struct):
    pid: int
    birth: str
    """The kernel's start time of the process: a pid alone may have been given to another."""


class Processes:
    """The programs of one bed: a pid file and a log for each, in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        program: Path | None = None,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        """Start a command in a session of its own; its output goes to ``NAME.log``.

        ``program`` is the file to run where the command's first word is only the name that it shall know itself by.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                executable=program,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )
        started = _Started(process.pid, _birth(process.pid))
        self._pid_file(name).write_bytes(msgspec.json.encode(started))

    def alive(self, name: str) -> bool:
        """Is the program that we started still running?"""
        return self._running(name) is not None

    def names(self) -> list[str]:
        """All that were started and not stopped."""
        return sorted(path.stem for path in self._directory.glob("*.pid"))

    def log_tail(self, name: str, lines: int = 8) -> str:
        """The last lines of its log."""
        path = self._directory / f"{name}.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self, *names: str) -> None:
        """End these programs, asking first; returns when they are gone."""
        pids = {name: pid for name in names if (pid := self._running(name)) is not None}
        for pid in pids.values():
            _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        for name, pid in pids.items():
            while self._running(name) is not None:
                if time.monotonic() > deadline:
                    _signal(pid, signal.SIGKILL)
                time.sleep(0.02)
        for name in names:
            self._pid_file(name).unlink(missing_ok=True)

    def _pid_file(self, name: str) -> Path:
        return self._directory / f"{name}.pid"

    def _running(self, name: str) -> int | None:
        try:
            started = msgspec.json.decode(self._pid_file(name).read_bytes(), type=_Started)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        _reap(started.pid)
        return started.pid if _birth(started.pid) == started.birth != "" else None


def free_ports(count: int) -> list[int]:
    """``count`` different TCP ports of 127.0.0.1 that nobody listens on now.

    Raises:
        ResailError: there are not so many.
    """
    free = (port for port in random.sample(_PORTS, len(_PORTS)) if _is_free(port))
    found = list(itertools.islice(free, count))
    if len(found) < count:
        raise ResailError(f"there are not {count} free TCP ports on 127.0.0.1", next_step="end what listens there")
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _birth(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise ResailError(f"process {pid} of the test bed belongs to another user", next_step="stop it as that user") from error
