"""A leashed program is itself to whoever talks to it, and ends with the tenure or its owner, whatever it does against that."""

import asyncio
import math
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resail.errors import LeaseLostError
from resail.tenure.leash import leashed
from resail.tenure.tenure import Tenure, boot_time

PIPES: dict[str, Any] = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}

STUBBORN = """
import os, signal, sys
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    signal.pause()
print(os.getpid(), flush=True)
signal.pause()
"""
"""Ignores what can be ignored, and has a child that holds its standard output open."""


async def test_it_is_called_answers_and_ends_as_without_a_leash() -> None:
    echo = "import sys; print(sys.argv, sys.stdin.readline()); sys.exit(7)"
    async with leashed(sys.executable, "-c", echo, "word", tenure=Tenure(), **PIPES) as program:
        told, _ = await program.communicate(b"hello\n")
    assert told.decode().split("\n")[0] == "['-c', 'word'] hello"
    assert program.returncode == 7


async def test_its_name_is_another_than_its_path() -> None:
    tell = "import sys; print(open('/proc/self/cmdline').read().split(chr(0))[0])"
    async with leashed(sys.executable, "-c", tell, tenure=Tenure(), name="helm", **PIPES) as program:
        told, _ = await program.communicate()
    assert told == b"helm\n"


async def test_it_ends_by_its_signal() -> None:
    async with leashed(sys.executable, "-c", "import os; os.abort()", tenure=Tenure(), **PIPES) as program:
        assert await program.wait() == -signal.SIGABRT


async def test_when_the_time_is_over_it_ends_with_all_that_it_started() -> None:
    tenure = Tenure()
    async with leashed(sys.executable, "-c", STUBBORN, tenure=tenure, **PIPES) as program:
        assert program.stdout is not None
        assert await program.stdout.readline()
        tenure.limit(boot_time() + 0.05)
        # The end of its standard output is that of its child, too.
        assert await program.stdout.read() == b""
        assert await program.wait() == -signal.SIGKILL
    with pytest.raises(LeaseLostError):
        tenure.check()
    with pytest.raises(LeaseLostError):
        async with leashed(sys.executable, "-c", "", tenure=tenure):
            raise AssertionError("it was started")


async def test_it_lives_as_long_as_the_time_is_moved_on() -> None:
    tenure = Tenure()
    tenure.limit(boot_time() + 30)
    async with leashed(sys.executable, "-c", "print(input())", tenure=tenure, **PIPES) as program:
        near = boot_time() + 0.3
        tenure.limit(near)
        tenure.limit(near + 30)
        await asyncio.sleep(near - boot_time() + 0.3)
        told, _ = await program.communicate(b"still here\n")
    assert told == b"still here\n"


async def test_an_ended_tenure_ends_it_at_once() -> None:
    tenure = Tenure()
    async with leashed(sys.executable, "-c", STUBBORN, tenure=tenure, **PIPES) as program:
        tenure.end("someone else took it")
        assert await program.wait() == -signal.SIGKILL
    with pytest.raises(LeaseLostError, match="someone else took it"):
        tenure.check()


async def test_it_does_not_outlive_its_context() -> None:
    async with leashed(sys.executable, "-c", STUBBORN, tenure=Tenure(), **PIPES) as program:
        assert program.stdout is not None
        number = int(await program.stdout.readline())
    assert program.returncode == -signal.SIGKILL
    assert not Path(f"/proc/{number}").exists()


OWNER = f"""
import asyncio, sys
from resail.errors import LeaseLostError
from resail.tenure.leash import leashed
from resail.tenure.tenure import Tenure, boot_time

async def main():
    tenure = Tenure()
    tenure.limit(boot_time() + float(sys.argv[1]))
    async with leashed(sys.executable, "-c", {STUBBORN!r}, tenure=tenure, stdout=asyncio.subprocess.PIPE) as program:
        print((await program.stdout.readline()).decode(), end="", flush=True)
        await program.wait()
        try:
            tenure.check()
        except LeaseLostError:
            print("lost", flush=True)

asyncio.run(main())
"""


def owner(seconds: float) -> tuple[subprocess.Popen[str], int]:
    """An owner, and a file descriptor that can be read once its program has ended."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(seconds)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, os.pidfd_open(int(process.stdout.readline()))


def test_it_dies_with_its_owner() -> None:
    process, program = owner(1000)
    process.kill()
    process.wait()
    assert select.select([program], [], [], 20)[0], "it goes on"


def test_it_ends_in_time_while_its_owner_is_stopped_who_then_knows() -> None:
    process, program = owner(1.5)
    process.send_signal(signal.SIGSTOP)
    assert select.select([program], [], [], 20)[0], "it goes on"
    process.send_signal(signal.SIGCONT)
    told, _ = process.communicate(timeout=20)
    assert told == "lost\n"


def test_a_tenure_that_is_over_stays_over() -> None:
    tenure = Tenure()
    tenure.check()
    assert tenure.until == math.inf
    tenure.limit(boot_time() - 1)
    for _ in range(2):
        with pytest.raises(LeaseLostError, match="renewed in time"):
            tenure.limit(boot_time() + 100)


async def test_it_ends_however_early_it_shall() -> None:
    """Also before it has come to be itself."""
    for moment in range(40):
        tenure = Tenure()
        tenure.limit(boot_time() + moment / 200)
        try:
            async with leashed(sys.executable, "-c", STUBBORN, tenure=tenure, **PIPES) as program:
                assert await asyncio.wait_for(program.wait(), 20) == -signal.SIGKILL
        except LeaseLostError:
            continue
