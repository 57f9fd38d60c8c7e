"""Who holds a lease, in words for people and in facts by which its own machine can tell that it is dead."""

import getpass
import hashlib
import os
import secrets
import socket
from pathlib import Path

import msgspec

__all__ = ["Holder"]


class Holder(msgspec.Struct, frozen=True):
    """One process; no two have the same ``name``."""

    name: str
    """``user@host/process/random``"""
    machine: str = ""
    """A digest of the machine's present boot and of the namespace that the process number belongs to."""
    process: int = 0
    began: str = ""
    """When the process began, in the kernel's ticks: tells it from a later one with its number."""

    @classmethod
    def this(cls) -> "Holder":
        """This process."""
        number = os.getpid()
        name = f"{_user()}@{socket.gethostname()}/{number}/{secrets.token_hex(4)}"
        return cls(name, _machine(), number, _stat(number)[1])

    @property
    def is_dead(self) -> bool:
        """It is known to be: so only where it ran on this machine, and never in doubt."""
        if not self.machine or self.machine != _machine():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        state, began = _stat(self.process)
        return state in ("Z", "X") or began not in ("", self.began)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {namespace}".encode()).hexdigest()[:16]


def _stat(process: int) -> tuple[str, str]:
    """State and beginning of a process; empty where they are not to be had."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
