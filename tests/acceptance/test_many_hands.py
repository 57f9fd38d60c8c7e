"""Several people and machines at one mesh, which know of each other by the cluster alone; the API server's audit log judges.

Each hand has a home directory of its own and is a user of its own, and gives no ``--dir``.
"""

import json
import os
import select
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resail.plan.file import read_plan
from resail.testbed import audit
from resail.testbed.audit import Event
from resail.testbed.bed import Bed
from tests.acceptance.conftest import Resail, restore
from tests.acceptance.exemptions import ANOTHER_RUN
from tests.acceptance.judge import besides_bookkeeping, restarted_twice, unexplained
from tests.acceptance.world import World, differences, kinds_of, world

pytestmark = pytest.mark.bed

LEASE_SECONDS = 12
CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")

_DRIVER = """
import asyncio, os, signal, sys
from pathlib import Path
from resail.operations.apply import ApplyRequest, ResumeRequest, apply, resume

plan, call, moment, number = sys.argv[1:]

def observe(at, phase, verb, target):
    if (at, phase) == (int(call), moment):
        os.kill(os.getpid(), int(number))

work = apply(ApplyRequest(plan=Path(plan)), call_observer=observe) if plan else resume(ResumeRequest(), call_observer=observe)
result = asyncio.run(work)
print(result.error, file=sys.stderr)
sys.exit(int(result.error.exit_code) if result.error else 0)
"""
"""Runs a plan, or takes up the latest run, and sends itself a signal at a moment."""


class Hand(Resail):
    """A person at a machine."""

    def __init__(self, bed: Bed, home: Path, user: str) -> None:
        home.mkdir()
        super().__init__(bed, home)
        self.home = home
        self.user = user

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        own = {"HOME": str(self.home), "XDG_CACHE_HOME": CACHE, "RESAIL_LEASE_SECONDS": str(LEASE_SECONDS)}
        return {**kept, **own, "KUBECONFIG": str(self.bed.kubeconfig_of(self.user))}

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        return self._open(self.command(*arguments))

    def drive(self, call: int, moment: str, number: signal.Signals, *, resume: bool = False) -> "subprocess.Popen[str]":
        """Apply, or take up, with that signal to itself at that moment; returns when it has come."""
        command = self.command()
        command[2:] = [_DRIVER, "" if resume else str(self.plan), str(call), moment, str(int(number))]
        process = self._open(command)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return process

    def status(self) -> Any:
        return self("status", "-o", "json").json

    def _open(self, command: list[str]) -> "subprocess.Popen[str]":
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=self.environment, cwd=self.home, **pipes)


class Mesh:
    """The foreign mesh as it was, and the hands that work on it."""

    def __init__(self, bed: Bed, place: Path) -> None:
        restore(bed)
        self.bed = bed
        self.ann = Hand(bed, place / "ann", "resail")
        self.ben = Hand(bed, place / "ben", "deployer")
        self.ann.make_plan("--max-parallel", "3")
        self.begun = len(bed.audit())

    def wait_for_holder(self, process: "subprocess.Popen[str]") -> None:
        """Until it has the lease."""
        while f"/{process.pid}/" not in self.lease().get("holderIdentity", ""):
            assert process.poll() is None, process.communicate()[1][-2000:]

    def lease(self) -> dict[str, Any]:
        """As it is now; the audit log leaves leases out."""
        path = "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases/resail"
        return self.bed.api("GET", path).json().get("spec") or {}

    def events(self) -> list[Event]:
        """Since it was planned."""
        return self.bed.audit()[self.begun :]

    def complaints(self, end: World) -> list[str]:
        """What is otherwise than after a run that one hand made alone."""
        events = self.events()
        written = [*audit.writes(events, "resail"), *audit.writes(events, "deployer")]
        files = read_plan(self.ann.plan)
        told = differences(end, world(self.bed), also_exempt=ANOTHER_RUN)
        told += unexplained(written, files, kinds_of(self.bed)) + restarted_twice(written, files)
        rolled = sorted(name.rpartition("-")[0] for name in audit.rollouts(events) if name.startswith("bookshop/"))
        return told if rolled == ["bookshop/details", "bookshop/ratings", "bookshop/reviews"] else [*told, f"rolled out {rolled}"]


@pytest.fixture
def mesh(_foreign_saved: Bed, tmp_path: Path) -> Mesh:
    return Mesh(_foreign_saved, tmp_path)


@pytest.fixture(scope="module")
def end(_foreign_saved: Bed, tmp_path_factory: pytest.TempPathFactory) -> World:
    """What one hand leaves; the other one tries meanwhile, and is told who works on it."""
    mesh = Mesh(_foreign_saved, tmp_path_factory.mktemp("two"))
    first = mesh.ann.start("apply", mesh.ann.plan, "-o", "json")
    try:
        mesh.wait_for_holder(first)
        holder = mesh.ben.status()["holder"]
        refused = mesh.ben("apply", mesh.ann.plan, "-o", "json", code=11)
        told, errors = first.communicate(timeout=120)
    finally:
        first.kill()
    assert f"/{first.pid}/" in holder
    assert f"{holder} works on this mesh, by its own clock since 2" in refused.errors
    assert first.returncode == 0, errors[-2000:]
    assert json.loads(told)["state"] == "done"
    events = mesh.events()
    assert audit.writes(events, "deployer") == [], "who is refused has written nothing"
    assert besides_bookkeeping(audit.writes(events, "resail"), "istio-system") != []
    return world(_foreign_saved)


def test_what_one_machine_began_another_one_ends_from_the_cluster_alone(mesh: Mesh, end: World) -> None:
    killed = mesh.ann.drive(7, "after", signal.SIGKILL)
    _, errors = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, errors[-2000:]
    standing = mesh.ben.status()
    assert (standing["run"]["state"], standing["at_work"]) == ("running", False)
    assert [step["outcome"] for step in standing["steps"]].count("interrupted") == 1
    cate = Hand(mesh.bed, mesh.ben.home.with_name("cate"), "deployer")
    undoing = cate("rollback", "--dry-run", "-o", "json").json
    assert undoing["run"] == standing["run"]["id"]
    assert [step["outcome"] for step in undoing["steps"]].count("stuck") == 0
    assert list(cate.home.rglob("*.db")) == [], "it is known from the cluster alone, and nothing is kept here"
    assert audit.writes(mesh.events(), "deployer") == []

    record = mesh.ben("resume", "-o", "json").json

    assert (record["state"], record["run"]) == ("done", standing["run"]["id"])
    assert mesh.complaints(end) == []
    # The first machine knows by now, too.
    assert mesh.ann.status()["run"]["state"] == "done"
    assert mesh.ann("report", "-o", "json").json["state"] == "done"


def test_paused_from_elsewhere_then_stopped_in_the_engine_it_writes_nothing_after_its_lease_has_gone(
    mesh: Mesh, end: World
) -> None:
    paused = mesh.ann.start("apply", mesh.ann.plan)
    mesh.wait_for_holder(paused)
    assert "asked for" in mesh.ben("pause").output
    paused.communicate(timeout=60)
    assert paused.returncode == 5
    assert mesh.ben.status()["run"]["detail"].startswith("by `resail pause`")

    stopped = mesh.ann.drive(8, "before", signal.SIGSTOP, resume=True)
    try:
        assert stopped.poll() is None, stopped.communicate()[1][-2000:]
        assert mesh.ben("resume", "-o", "json").json["state"] == "done"
        nothing_is_written_when_it_goes_on(mesh, stopped)
    finally:
        stopped.kill()
    assert mesh.complaints(end) == []


def test_stopped_while_helm_works_its_helm_is_ended_before_the_lease_can_be_taken(mesh: Mesh, end: World) -> None:
    stopped = mesh.ann.drive(2, "during", signal.SIGSTOP)
    try:
        assert stopped.poll() is None, stopped.communicate()[1][-2000:]
        helm = os.pidfd_open(child_of(child_of(stopped.pid)))
        renewed = datetime.fromisoformat(mesh.lease()["renewTime"])
        taker = mesh.ben.start("resume", "-o", "json")
        assert select.select([helm], [], [], 60)[0], "Helm goes on"
        ended = datetime.now(UTC)
        told, errors = taker.communicate(timeout=120)
        assert taker.returncode == 0, errors[-2000:]
        assert json.loads(told)["state"] == "done"
        nothing_is_written_when_it_goes_on(mesh, stopped)
    finally:
        stopped.kill()
    assert ended < renewed + timedelta(seconds=LEASE_SECONDS)
    taken = audit.writes(mesh.events(), "deployer")[0].request_received_timestamp
    assert ended < taken
    assert mesh.complaints(end) == []


def nothing_is_written_when_it_goes_on(mesh: Mesh, stopped: "subprocess.Popen[str]") -> None:
    before, lease = len(mesh.bed.audit()), mesh.lease()
    stopped.send_signal(signal.SIGCONT)
    _, errors = stopped.communicate(timeout=60)
    assert stopped.returncode == 5, errors[-2000:]
    assert "the lease is lost" in errors
    assert [event for event in mesh.bed.audit()[before:] if event.user.username == "resail" and event.verb not in READING] == []
    assert mesh.lease() == lease


READING = ("get", "list", "watch")


def child_of(process: int) -> int:
    """Its only child."""
    (child,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(child)
