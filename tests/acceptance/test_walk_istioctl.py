"""A mesh of istioctl on a twin, planned by what its istioctl renders, upgraded, killed anywhere, resumed, and undone."""

import random
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resail.journal.sqlite import open_journal
from resail.models.identity import Manifest
from resail.models.journal import CallIntent, Entry, StepIntent
from resail.models.plan import PlanFiles, Strategy
from resail.operations.apply import ApplyRequest, ResumeRequest, RollbackRequest, apply, resume, rollback
from resail.operations.cluster_choice import TWIN, ClusterChoice
from resail.operations.execution import RunResult
from resail.operations.inspect import MeshChoice
from resail.operations.plan import PlanRequest, plan
from resail.operations.values import GivenOperator
from tests.acceptance.crashes import settle
from tests.acceptance.exemptions import BASE_STAYS
from tests.acceptance.small_istioctl import OPERATOR, SmallIstioctl, make_mesh_by_istioctl
from tests.acceptance.small_mesh import TO, open_small_charts
from tests.acceptance.test_walk import ALL, Turn, Work, complaints, turn, undone
from tests.acceptance.twin_world import at_rest
from tests.releases.releases_on_disk import unpack

STRATEGIES: tuple[Strategy, ...] = ("in-place", "canary")

COMMITS = {"in-place": 90, "canary": 90}
"""Fewer than the commits of an upgrade to the journal and the twin's file, and than those of its rollback."""

SEED = 5


class Stage(msgspec.Struct, frozen=True):
    """A twin with the mesh, and a plan for it."""

    directory: Path
    plan: Path
    files: PlanFiles
    releases: Path
    strategy: Strategy


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mesh") / TWIN
    make_mesh_by_istioctl(path)
    return path


@pytest.fixture(scope="module", params=STRATEGIES)
def stage(request: pytest.FixtureRequest, mesh: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return set_stage_by_istioctl(mesh, tmp_path_factory.mktemp(request.param), request.param)


def set_stage_by_istioctl(mesh: Path, place: Path, strategy: Strategy) -> Stage:
    """A copy of the mesh, and its plan."""
    (place / "stage").mkdir()
    twin = Path(shutil.copy(mesh, place / "stage" / TWIN))
    unpack(place / "releases", TO)
    wish = PlanRequest(
        mesh=MeshChoice(cluster=ClusterChoice(twin=twin)),
        target=TO,
        strategy=strategy,
        operator=GivenOperator(OPERATOR),
        release_directories=(place / "releases",),
        out=place / "plan.zip",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        files = settle(plan(wish, lambda _: None, open_small_charts, SmallIstioctl()))
    return Stage(twin.parent, place / "plan.zip", files, place / "releases", strategy)


def upgrading(stage: Stage) -> Work:
    releases = (stage.releases,)
    return lambda directory: apply(ApplyRequest(plan=stage.plan, directory=directory, release_directories=releases))


def undoing(directory: Path) -> Coroutine[Any, Any, RunResult]:
    return rollback(RollbackRequest(directory=directory))


@pytest.fixture(scope="module")
def before(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return at_rest(Path(shutil.copy(stage.directory / TWIN, tmp_path_factory.mktemp("before") / TWIN)))


@pytest.fixture(scope="module")
def upgrade(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Turn:
    some = frozenset(random.Random(SEED).sample(range(1, COMMITS[stage.strategy]), 2))
    return turn(stage.directory, tmp_path_factory.mktemp("upgrade"), upgrading(stage), some)


def goes_on(stage: Stage, directory: Path, work: Work) -> None:
    """What a person does after the kill."""
    runs = open_journal(directory / "journal.db").runs()
    if not runs:
        settle(work(directory))
    elif runs[-1].state == "running":
        settle(resume(ResumeRequest(directory=directory, release_directories=(stage.releases,))))


def calls_of(directory: Path) -> list[tuple[str, str]]:
    return [(entry.body.verb, entry.body.object) for entry in entries_of(directory) if isinstance(entry.body, CallIntent)]


def test_each_stage_is_one_install_and_all_comes_to_the_target(stage: Stage, upgrade: Turn) -> None:
    revision = "default" if stage.strategy == "in-place" else "1-27-9"
    installs = [call for call in calls_of(upgrade.directory) if call[0].startswith("istioctl")]
    # The control plane, CNI, and the gateway.
    assert installs == [("istioctl install", f"revision {revision}")] * 3
    pods = [one for one in upgrade.end if one["kind"] == "Pod"]
    proxies = {one["metadata"]["annotations"]["istio.io/rev"] for one in pods if one["metadata"].get("annotations")}
    assert proxies == {revision}
    # CNI is in use all the time, also for what was injected between the stages.
    assert {one["name"] for pod in pods for one in pod["spec"].get("initContainers", ())} == {"istio-validation"}
    assert complaints(stage, upgrade.end, upgrade.directory) == []


def test_killed_anywhere_and_resumed(stage: Stage, upgrade: Turn) -> None:
    assert len(upgrade.left) == 2
    for directory in upgrade.left:
        goes_on(stage, directory, upgrading(stage))
        assert complaints(stage, upgrade.end, directory) == [], directory.name


def test_a_rollback_killed_anywhere_and_resumed(stage: Stage, upgrade: Turn, before: list[Manifest], tmp_path: Path) -> None:
    moment = random.Random(SEED).randrange(1, COMMITS[stage.strategy])
    left = turn(upgrade.directory, tmp_path, undoing, {moment}).left
    assert len(left) == 1
    goes_on(stage, left[0], undoing)
    assert undone_by_istioctl(stage, before, left[0]) == []


@pytest.mark.parametrize("moment", [66])
def test_a_gateway_that_went_back_with_another_stage_has_its_old_proxy_before_the_revision_goes(
    stage: Stage, before: list[Manifest], tmp_path: Path, moment: int
) -> None:
    """Killed while the gateway came up: its objects go back with CNI's, and its pods have the newer proxy then."""
    (directory,) = turn(stage.directory, tmp_path, upgrading(stage), {moment}).left
    reached = [entry.body.step for entry in entries_of(directory) if isinstance(entry.body, StepIntent)]
    assert reached[-1].endswith("upgrade-gateway")
    settle(undoing(directory))
    assert undone_by_istioctl(stage, before, directory) == []


def entries_of(directory: Path) -> list[Entry]:
    journal = open_journal(directory / "journal.db")
    return list(journal.entries(journal.run(None).id))


def undone_by_istioctl(stage: Stage, before: list[Manifest], directory: Path) -> list[str]:
    """As ``undone``, with what a canary's istioctl leaves."""
    told = undone(before, directory)
    return [one for one in told if stage.strategy == "in-place" or one not in BASE_STAYS]


@pytest.mark.soak
def test_killed_everywhere_and_resumed(stage: Stage, upgrade: Turn, tmp_path: Path) -> None:
    found = {}
    for directory in turn(stage.directory, tmp_path, upgrading(stage), ALL).left:
        goes_on(stage, directory, upgrading(stage))
        found[directory.name] = complaints(stage, upgrade.end, directory)
        shutil.rmtree(directory)
    assert len(found) > COMMITS[stage.strategy]
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.soak
def test_a_rollback_killed_everywhere_and_resumed(stage: Stage, upgrade: Turn, before: list[Manifest], tmp_path: Path) -> None:
    found = {}
    for directory in turn(upgrade.directory, tmp_path, undoing, ALL).left:
        goes_on(stage, directory, undoing)
        found[directory.name] = undone_by_istioctl(stage, before, directory)
        shutil.rmtree(directory)
    assert len(found) > COMMITS[stage.strategy]
    assert {name: told for name, told in found.items() if told} == {}
