"""Programs are started to outlive us, and exactly those are ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from resail.testbed.processes import Processes, free_ports

SLEEP = (sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(600)")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    started = Processes(tmp_path / "processes")
    yield started
    started.stop(*started.names())


def test_a_stopped_program_is_gone(processes: Processes) -> None:
    processes.start("one", SLEEP)
    processes.start("two", SLEEP)
    assert processes.names() == ["one", "two"]
    processes.stop("one")
    assert (processes.alive("one"), processes.alive("two")) == (False, True)
    assert processes.names() == ["two"]


def test_another_python_can_stop_it(processes: Processes, tmp_path: Path) -> None:
    processes.start("one", SLEEP)
    program = (
        "import sys; from pathlib import Path; from resail.testbed.processes import Processes\n"
        "found = Processes(Path(sys.argv[1])); assert found.alive('one'); found.stop('one'); assert not found.alive('one')"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "processes"], check=True)
    assert not processes.alive("one")


def test_a_pid_that_was_given_to_another_is_left_alone(processes: Processes, tmp_path: Path) -> None:
    with subprocess.Popen(SLEEP) as innocent:
        processes.start("one", SLEEP)
        pid_file = tmp_path / "processes" / "one.pid"
        started = msgspec.json.decode(pid_file.read_bytes())
        pid_file.write_bytes(msgspec.json.encode({**started, "pid": innocent.pid, "birth": "1"}))
        assert not processes.alive("one")
        processes.stop("one")
        assert innocent.poll() is None
        innocent.kill()
    os.kill(started["pid"], signal.SIGKILL)


def test_a_program_that_ended_by_itself_is_not_alive(processes: Processes) -> None:
    processes.start("one", (sys.executable, "-c", "raise SystemExit('no such luck')"))
    while processes.alive("one"):
        pass
    assert processes.log_tail("one") == "no such luck"


def test_a_program_knows_itself_by_another_name(processes: Processes) -> None:
    processes.start("one", ("pilot-discovery", "-c", "echo $0"), program=Path("/bin/sh"), environment={})
    processes.start("two", ("sh", "-c", "pwd; echo $MARK"), directory=Path("/"), environment={"MARK": "x"})
    while processes.alive("one") or processes.alive("two"):
        pass
    assert processes.log_tail("one") == "pilot-discovery"
    assert processes.log_tail("two") == "/\nx"


def test_nothing_is_made_before_something_is_started(tmp_path: Path) -> None:
    nothing = Processes(tmp_path / "nowhere")
    nothing.stop("one")
    assert (nothing.names(), nothing.alive("one"), nothing.log_tail("one")) == ([], False, "")
    assert not (tmp_path / "nowhere").exists()


def test_ports_are_no_outgoing_connections_ports() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert max(ports) < max(lowest, 32768)
