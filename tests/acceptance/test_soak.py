"""A canary that soaks and then removes the old revision, on a twin: done, killed, resumed, undone, and held up."""

import random
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from resail.errors import HaltedError
from resail.journal.sqlite import open_journal
from resail.models.identity import Manifest, ObjectRef
from resail.models.journal import CallIntent, StepIntent, StepOutcome
from resail.models.plan import AwaitSoak, RemoveRevision
from resail.operations.apply import ApplyRequest, ResumeRequest, RollbackRequest, apply, resume, rollback
from resail.operations.cluster_choice import TWIN, ClusterChoice
from resail.operations.execution import RunResult
from resail.operations.inspect import MeshChoice
from resail.operations.plan import PlanRequest, plan
from resail.plan.file import read_plan
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.acceptance.crashes import KilledError, committing, leave_behind, settle
from tests.acceptance.explained import unexplained_parts
from tests.acceptance.foreseen import entries_of, foreseen_on_a_copy, otherwise
from tests.acceptance.small_mesh import FROM, TO, make_mesh, open_small_charts
from tests.acceptance.twin_world import at_rest, pods_in, unexplained_calls, world_in
from tests.acceptance.world import differences
from tests.releases.releases_on_disk import unpack

SOAK = 3600
OLD = "istio-system/Deployment/istiod-1-26-0"


class Stage(msgspec.Struct, frozen=True):
    """A mesh on a twin, and a plan that removes its old revision."""

    directory: Path
    plan: Path
    releases: Path
    before: list[Manifest]

    def copy(self, place: Path) -> Path:
        return leave_behind(self.directory, place)

    def apply(self, directory: Path) -> RunResult:
        return settle(apply(ApplyRequest(plan=self.plan, directory=directory, release_directories=(self.releases,))))

    def resume(self, directory: Path) -> RunResult:
        return settle(resume(ResumeRequest(directory=directory, release_directories=(self.releases,))))

    def kinds(self) -> list[str]:
        return [type(step).__name__ for step in read_plan(self.plan).plan.steps]

    def step(self, kind: type) -> str:
        return next(step.id for step in read_plan(self.plan).plan.steps if isinstance(step, kind))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    place = tmp_path_factory.mktemp("soak")
    (place / "mesh").mkdir()
    make_mesh(place / "mesh" / TWIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        unpack(place / "releases", TO)
        mesh = MeshChoice(cluster=ClusterChoice(twin=place / "mesh" / TWIN))
        path, releases = place / "plan.zip", place / "releases"
        wish = PlanRequest(mesh=mesh, target=TO, remove_old=True, soak=SOAK, release_directories=(releases,), out=path)
        settle(plan(wish, lambda _: None, open_small_charts))
        before = at_rest(Path(shutil.copy(place / "mesh" / TWIN, place / "before.db")))
        return Stage(place / "mesh", path, releases, before)


@pytest.fixture
def directory(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return stage.copy(tmp_path / "state")


def objects(directory: Path, place: Path) -> list[Manifest]:
    return at_rest(leave_behind(directory, place) / TWIN)


def explained(stage: Stage, directory: Path, place: Path) -> list[str]:
    """What of the mesh the journal does not explain."""
    journal = open_journal(directory / "journal.db")
    entries = journal.entries(journal.run(None).id)

    async def look() -> list[str]:
        async with open_twin(leave_behind(directory, place) / TWIN) as twin:
            return await unexplained_parts(twin, read_plan(stage.plan), entries)

    return run(look())


def soaked(directory: Path, step: str) -> timedelta:
    """From when the soak was first begun to its outcome."""
    journal = open_journal(directory / "journal.db")
    entries = [entry for entry in journal.entries(journal.run(None).id) if getattr(entry.body, "step", "") == step]
    begun = next(entry.time for entry in entries if isinstance(entry.body, StepIntent))
    ended = next(entry.time for entry in entries if isinstance(entry.body, StepOutcome))
    return ended - begun


def test_it_soaks_removes_and_is_undone(stage: Stage, directory: Path, tmp_path: Path) -> None:
    assert stage.kinds()[-4:] == ["Verify", "AwaitSoak", "RemoveRevision", "Verify"]
    result = stage.apply(directory)
    assert result.record.state == "done", result.error
    assert soaked(directory, stage.step(AwaitSoak)) == timedelta(seconds=SOAK)
    assert explained(stage, directory, tmp_path / "explained") == []
    after = world_in(objects(directory, tmp_path / "after"))
    assert OLD in world_in(stage.before)
    assert OLD not in after
    assert "istio-system/Deployment/istiod-1-27-9" in after

    foreseen, known = foreseen_on_a_copy(directory, tmp_path / "foreseen"), len(entries_of(directory))
    undone = settle(rollback(RollbackRequest(directory=directory)))
    assert undone.record.state == "rolled-back"
    assert otherwise(foreseen, entries_of(directory)[known:]) == []
    back = objects(directory, tmp_path / "back")
    told = differences(world_in(stage.before), world_in(back), also_exempt=("metadata.uid", "metadata.creationTimestamp"))
    assert [one for one in told if "clusterIP" not in one] == []
    assert pods_in(stage.before) == pods_in(back)


def test_a_killed_soak_does_not_begin_anew(stage: Stage, directory: Path, tmp_path: Path) -> None:
    left = tmp_path / "killed"
    soaking = stage.step(AwaitSoak)

    def seen(_: int) -> None:
        journal = open_journal(directory / "journal.db")
        runs = journal.runs()
        entries = journal.entries(runs[-1].id) if runs else []
        begun = [e.time for e in entries if isinstance(e.body, StepIntent) and e.body.step == soaking]
        # A twin commits only what changes, and its sampler looks on.
        if begun and not left.exists():
            leave_behind(directory, left)
            raise KilledError

    with pytest.raises(KilledError), committing(seen):
        stage.apply(directory)
    pass_time(left, SOAK / 2)
    assert stage.resume(left).record.state == "done"
    assert soaked(left, soaking) == timedelta(seconds=SOAK)


def pass_time(directory: Path, seconds: float) -> None:
    async def sleep() -> None:
        async with open_twin(directory / TWIN) as twin:
            await twin.clock.sleep(seconds)

    run(sleep())


def moments(stage: Stage, directory: Path, tmp_path: Path) -> list[Path]:
    """What kills in the removal and the steps after it leave, one for each thing that reaches the disk."""
    removing = stage.step(RemoveRevision)
    left: list[Path] = []
    journal_file = directory / "journal.db"

    def seen(commit: int) -> None:
        journal = open_journal(journal_file) if journal_file.exists() else None
        if journal is None or not journal.runs():
            return
        entries = journal.entries(journal.runs()[-1].id)
        if any(isinstance(entry.body, StepIntent) and entry.body.step == removing for entry in entries):
            left.append(leave_behind(directory, tmp_path / f"killed-after-{commit}"))

    with committing(seen):
        assert stage.apply(directory).record.state == "done"
    return left


@pytest.mark.parametrize("some", [2, pytest.param(100, marks=pytest.mark.soak)])
def test_killed_anywhere_in_the_removal(stage: Stage, directory: Path, tmp_path: Path, some: int) -> None:
    left = [
        place for place in moments(stage, directory, tmp_path) if open_journal(place / "journal.db").run(None).state != "done"
    ]
    files = read_plan(stage.plan)
    end = world_in(objects(directory, tmp_path / "end"))
    assert len(left) > 8
    for number, place in enumerate(random.Random(6).sample(left, min(some, len(left)))):
        other = leave_behind(place, tmp_path / f"other-{number}")
        assert stage.resume(place).record.state == "done", place.name
        found = world_in(objects(place, tmp_path / f"resumed-{number}"))
        assert differences(end, found, also_exempt=("metadata.uid", "metadata.creationTimestamp")) == [], place.name
        journal = open_journal(place / "journal.db")
        assert unexplained_calls(journal.entries(journal.run(None).id), files) == []

        assert settle(rollback(RollbackRequest(directory=other))).record.state == "rolled-back", place.name
        back = objects(other, tmp_path / f"undone-{number}")
        assert pods_in(stage.before) == pods_in(back), place.name
        assert OLD in world_in(back), place.name


def test_a_pod_that_is_still_connected_holds_the_removal_up(stage: Stage, directory: Path) -> None:
    """It halts, and undoes nothing though the plan wishes a rollback on failure: nothing has failed."""

    async def connect_one(appear: bool) -> None:
        async with open_twin(directory / TWIN) as twin:
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "debug", "namespace": "default", "annotations": {"istio.io/rev": "1-26-0"}},
                "spec": {"containers": [{"name": "istio-proxy", "image": f"docker.io/istio/proxyv2:{FROM}"}]},
            }
            if appear:
                await twin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}, manager="kubectl")
                await twin.create(pod)
            else:
                await twin.delete(ObjectRef("v1", "Pod", "default", "debug"))
            await twin.clock.sleep(60)

    run(connect_one(True))
    result = stage.apply(directory)
    assert isinstance(result.error, HaltedError)
    assert "1 pods of default/Pod/debug have its sidecar" in str(result.error)
    assert result.record.state == "halted"
    journal = open_journal(directory / "journal.db")
    calls = [e.body.verb for e in journal.entries(journal.run(None).id) if isinstance(e.body, CallIntent)]
    assert "helm uninstall" not in calls

    run(connect_one(False))
    assert stage.resume(directory).record.state == "done"
