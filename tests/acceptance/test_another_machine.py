"""The demo on a twin with a lease and copies, like a real cluster, killed anywhere: another machine ends it, from those alone."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resail.errors import UsageError
from resail.operations.apply import ApplyRequest, ResumeRequest, RollbackRequest, apply, resume, rollback
from resail.operations.cluster_choice import TWIN, ClusterChoice, Connection, connect_to
from resail.operations.demo import DemoRequest, DemoStage, set_stage
from resail.operations.execution import RunResult
from resail.tenure.tenure import Tenure
from tests.acceptance.crashes import settle
from tests.acceptance.foreseen import entries_of, foreseen_on_a_copy, otherwise
from tests.acceptance.test_walk import ALL, Turn, complaints, turn, undone
from tests.acceptance.twin_world import at_rest

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

COMMITS = 300
"""Fewer than the upgrade's commits to the journal and the twin's file."""

SOME = frozenset(random.Random(5).sample(range(60, COMMITS), 3))


@asynccontextmanager
async def shared(choice: ClusterChoice, directory: Path | None) -> AsyncIterator[Connection]:
    """A twin that others may work on, too."""
    async with connect_to(choice, directory) as connection:
        yield msgspec.structs.replace(connection, tenure=Tenure(asyncio.get_running_loop().time))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> DemoStage:
    return settle(set_stage(DemoRequest(directory=tmp_path_factory.mktemp("stage") / "demo"), print))


@pytest.fixture(scope="module")
def upgrade(stage: DemoStage, tmp_path_factory: pytest.TempPathFactory) -> Turn:
    return turn(stage.directory, tmp_path_factory.mktemp("upgrade"), lambda place: upgrading(stage, place), SOME)


def upgrading(stage: DemoStage, directory: Path) -> Coroutine[Any, Any, RunResult]:
    return apply(ApplyRequest(plan=stage.plan, directory=directory), connect=shared)


def elsewhere(left: Path, place: Path) -> Path:
    """A state directory of another machine, which has the cluster and nothing else."""
    place.mkdir()
    for file in left.glob(f"{TWIN}*"):
        shutil.copy(file, place)
    return place


def goes_on(stage: DemoStage, directory: Path) -> None:
    """What a person does there: there may be nothing to take up yet, or nothing left."""
    try:
        settle(resume(ResumeRequest(directory=directory), connect=shared))
    except UsageError as refused:
        if "is done" not in refused.what:
            settle(upgrading(stage, directory))


def test_killed_anywhere_and_ended_elsewhere(stage: DemoStage, upgrade: Turn, tmp_path: Path) -> None:
    assert len(upgrade.left) == len(SOME)
    for left in upgrade.left:
        directory = elsewhere(left, tmp_path / left.name)
        goes_on(stage, directory)
        assert complaints(stage, upgrade.end, directory) == [], left.name


@pytest.mark.soak
def test_killed_everywhere_and_ended_elsewhere(stage: DemoStage, upgrade: Turn, tmp_path: Path) -> None:
    found = {}
    all_of_them = tmp_path / "all"
    all_of_them.mkdir()
    for left in turn(stage.directory, all_of_them, lambda place: upgrading(stage, place), ALL).left:
        directory = elsewhere(left, tmp_path / left.name)
        goes_on(stage, directory)
        found[left.name] = complaints(stage, upgrade.end, directory)
        shutil.rmtree(left)
        shutil.rmtree(directory)
    assert len(found) > COMMITS
    assert {name: told for name, told in found.items() if told} == {}


def test_killed_anywhere_and_undone_elsewhere(stage: DemoStage, upgrade: Turn, tmp_path: Path) -> None:
    before = at_rest(Path(shutil.copy(stage.directory / TWIN, tmp_path / TWIN)))
    directory = elsewhere(upgrade.left[0], tmp_path / "elsewhere")
    at_rest(directory / TWIN)
    foreseen = foreseen_on_a_copy(directory, tmp_path / "seen", shared)
    known = len(entries_of(upgrade.left[0]))
    settle(rollback(RollbackRequest(directory=directory), connect=shared))
    assert undone(before, directory) == []
    assert otherwise(foreseen, entries_of(directory)[known:]) == []


def test_what_the_dead_machine_noted_besides_gives_way(stage: DemoStage, upgrade: Turn, tmp_path: Path) -> None:
    """Another one has ended the run; the first one comes back with its disk."""
    left = upgrade.left[-1]
    directory = elsewhere(left, tmp_path / "elsewhere")
    ended = settle(resume(ResumeRequest(directory=directory), connect=shared))
    for file in left.glob(f"{TWIN}*"):
        file.unlink()
    for file in directory.glob(f"{TWIN}*"):
        shutil.copy(file, left)
    undone_here = settle(rollback(RollbackRequest(directory=left), connect=shared))
    assert (undone_here.record.run, undone_here.record.state) == (ended.record.run, "rolled-back")
