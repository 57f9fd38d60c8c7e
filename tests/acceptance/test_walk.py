"""The demo on its twin, killed anywhere: what is resumed ends as what was never interrupted."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Container, Coroutine
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from resail.journal.sqlite import open_journal
from resail.models.identity import Manifest
from resail.models.journal import CallIntent
from resail.models.plan import PlanFiles
from resail.operations.apply import ApplyRequest, ResumeRequest, RollbackRequest, apply, resume, rollback
from resail.operations.cluster_choice import TWIN
from resail.operations.demo import DemoRequest, DemoStage, set_stage
from resail.operations.execution import RunResult
from tests.acceptance.crashes import committing, leave_behind, settle
from tests.acceptance.exemptions import ANOTHER_RUN
from tests.acceptance.twin_world import at_rest, evicted_twice, pods_in, rolled_out_in, unexplained_calls, world_in
from tests.acceptance.world import differences

CALLS = 20
"""The demo's writes; each action of Helm's is one."""

COMMITS = 250
"""Fewer than the upgrade's commits to the journal and the twin's file, and than those of its rollback."""

SOME = frozenset(random.Random(4).sample(range(1, COMMITS), 2))
ALL = range(1, 1000)

Work = Callable[[Path], Coroutine[Any, Any, RunResult]]


class Turn(msgspec.Struct, frozen=True):
    """A command that nobody interrupted, and what kills in it would have left."""

    directory: Path
    left: list[Path]
    end: list[Manifest]
    """All objects, some time later."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> DemoStage:
    """The demo's mesh, installed, and its plan."""
    return settle(set_stage(DemoRequest(directory=tmp_path_factory.mktemp("stage") / "demo"), print))


@pytest.fixture(scope="module")
def before(stage: DemoStage, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return at_rest(Path(shutil.copy(stage.directory / TWIN, tmp_path_factory.mktemp("before") / TWIN)))


@pytest.fixture(scope="module")
def upgrade(stage: DemoStage, tmp_path_factory: pytest.TempPathFactory) -> Turn:
    return turn(stage.directory, tmp_path_factory.mktemp("upgrade"), upgrading(stage), SOME)


def upgrading(stage: DemoStage) -> Work:
    return lambda directory: apply(ApplyRequest(plan=stage.plan, directory=directory))


def undoing(directory: Path) -> Coroutine[Any, Any, RunResult]:
    return rollback(RollbackRequest(directory=directory))


def turn(start: Path, place: Path, work: Work, moments: Container[int]) -> Turn:
    """Let the work run to its end, in a copy of a state directory."""
    directory = leave_behind(start, place / "unbroken")
    left = []

    def seen(commit: int) -> None:
        if commit in moments:
            left.append(leave_behind(directory, place / f"killed-after-{commit}"))

    with committing(seen):
        settle(work(directory))
    return Turn(directory, left, at_rest(Path(shutil.copy(directory / TWIN, place / TWIN))))


def goes_on(directory: Path, work: Work) -> None:
    """What a person does after the kill."""
    runs = open_journal(directory / "journal.db").runs()
    if not runs:
        settle(work(directory))
    elif runs[-1].state == "running":
        settle(resume(ResumeRequest(directory=directory)))


class Planned(Protocol):
    """A mesh with a plan for it."""

    @property
    def files(self) -> PlanFiles: ...


def complaints(stage: Planned, unbroken: list[Manifest], directory: Path) -> list[str]:
    """What is otherwise after an upgrade that was killed and resumed."""
    journal = open_journal(directory / "journal.db")
    run, entries = journal.run(None), journal.entries(journal.run(None).id)
    found = at_rest(directory / TWIN)
    told = differences(world_in(unbroken), world_in(found), also_exempt=ANOTHER_RUN)
    told += [f"pods {one}" for one in (pods_in(unbroken) - pods_in(found), pods_in(found) - pods_in(unbroken)) if one]
    told += [f"rolled out {one}" for one in rolled_out_in(found).items() ^ rolled_out_in(unbroken).items()]
    told += unexplained_calls(entries, stage.files) + evicted_twice(entries, stage.files)
    return told if run.state == "done" else [f"the run is {run.state}", *told]


def test_killed_anywhere_and_resumed(stage: DemoStage, upgrade: Turn) -> None:
    assert len(upgrade.left) == len(SOME)
    for directory in upgrade.left:
        goes_on(directory, upgrading(stage))
        assert complaints(stage, upgrade.end, directory) == [], directory.name


def test_a_rollback_killed_anywhere_and_resumed(upgrade: Turn, before: list[Manifest], tmp_path: Path) -> None:
    left = turn(upgrade.directory, tmp_path, undoing, {max(SOME)}).left
    assert len(left) == 1
    for directory in left:
        goes_on(directory, undoing)
        assert undone(before, directory) == [], directory.name


def undone(before: list[Manifest], directory: Path) -> list[str]:
    """What is otherwise than before the upgrade, once all was undone."""
    state = open_journal(directory / "journal.db").run(None).state
    found = at_rest(directory / TWIN)
    told = differences(world_in(before), world_in(found))
    told += [f"pods {one}" for one in (pods_in(before) - pods_in(found), pods_in(found) - pods_in(before)) if one]
    return told if state == "rolled-back" else [f"the run is {state}", *told]


@pytest.mark.soak
def test_killed_everywhere_and_resumed(stage: DemoStage, upgrade: Turn, tmp_path: Path) -> None:
    """After each entry of the journal, and after each of the writes to the twin."""
    found = {}
    for directory in turn(stage.directory, tmp_path, upgrading(stage), ALL).left:
        goes_on(directory, upgrading(stage))
        found[directory.name] = complaints(stage, upgrade.end, directory)
        shutil.rmtree(directory)
    assert len(found) > COMMITS
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.soak
def test_a_rollback_killed_everywhere_and_resumed(upgrade: Turn, before: list[Manifest], tmp_path: Path) -> None:
    found = {}
    for directory in turn(upgrade.directory, tmp_path, undoing, ALL).left:
        goes_on(directory, undoing)
        found[directory.name] = undone(before, directory)
        shutil.rmtree(directory)
    assert len(found) > COMMITS
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.parametrize(
    "call", [pytest.param(call, marks=() if call == 18 else pytest.mark.soak) for call in range(1, CALLS + 1)]
)
def test_the_command_is_killed_at_a_call_and_resumed(stage: DemoStage, upgrade: Turn, tmp_path: Path, call: int) -> None:
    killed = resail("demo", "--dir", tmp_path, "--kill-at-call", str(call))
    assert killed.returncode == -9, killed.stderr[-2000:]
    journal = open_journal(tmp_path / "journal.db")
    calls = [entry.body.call for entry in journal.entries(journal.run(None).id) if isinstance(entry.body, CallIntent)]
    assert call in calls
    resumed = resail("resume", "--dir", tmp_path, "-o", "json")
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert json.loads(resumed.stdout)["pods_on_target"] == 25
    assert complaints(stage, upgrade.end, tmp_path) == []


def test_the_demo_has_so_many_calls_and_they_are_seen(upgrade: Turn, before: list[Manifest]) -> None:
    assert differences(world_in(before), world_in(upgrade.end)) != []
    assert pods_in(before) != pods_in(upgrade.end)
    journal = open_journal(upgrade.directory / "journal.db")
    entries = journal.entries(journal.run(None).id)
    assert sum(isinstance(entry.body, CallIntent) for entry in entries) == CALLS


def resail(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from resail.apps.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)
