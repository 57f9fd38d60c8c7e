"""Objects and fields of others that are in the way of an upgrade: asked for, taken over, and given back as they were."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from resail.cluster import Cluster
from resail.errors import HaltedError
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import AdoptObjects, Approve, PlanFiles
from resail.operations.apply import ApplyRequest, ResumeRequest, RollbackRequest, apply, resume, rollback
from resail.operations.cluster_choice import TWIN, ClusterChoice
from resail.operations.execution import RunResult
from resail.operations.inspect import MeshChoice
from resail.operations.plan import PlanRequest, plan
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.acceptance.crashes import leave_behind, settle
from tests.acceptance.small_mesh import TO, make_mesh, open_small_charts
from tests.acceptance.twin_world import at_rest, pods_in, unexplained_calls, world_in
from tests.acceptance.world import World, differences
from tests.releases.releases_on_disk import unpack

RBAC = "rbac.authorization.k8s.io/v1"
ROLE = ObjectRef(RBAC, "ClusterRole", "", "istio-writer")
"""Which the target's chart base adds."""
READER = ObjectRef(RBAC, "ClusterRole", "", "istio-reader")
SETTINGS = ObjectRef("v1", "ConfigMap", "istio-system", "istio-sidecar-injector-1-27-9")
"""Of the revision that a canary installs."""
ANEW = ("metadata.uid", "metadata.creationTimestamp")
"""An object that went with a release that was uninstalled is made again."""


def role(ref: ObjectRef, verb: str, **labels: str) -> Manifest:
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": [verb]}
    return {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": ref.name, "labels": labels}, "rules": [rule]}


async def by_hand(cluster: Cluster) -> None:
    """What somebody made, with and without the API's server-side apply; and a field of the release's own role."""
    await cluster.create(role(ROLE, "list", team="ours"))
    named = {"name": SETTINGS.name, "namespace": SETTINGS.namespace, "annotations": {"note": "ours"}}
    await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {"values": "ours"}}, manager="ops")
    labelled = {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": READER.name, "labels": {"version": "ours"}}}
    await cluster.apply(labelled, manager="ops", force=True)


class Stage:
    """A small mesh on a twin with something in the way, and what is done to it."""

    def __init__(self, directory: Path, releases: Path) -> None:
        self.directory = directory / "state"
        self.place = directory
        self.releases = (releases,)
        self.plan_file = directory / "plan.zip"

    @property
    def mesh(self) -> MeshChoice:
        return MeshChoice(cluster=ClusterChoice(twin=self.directory / TWIN))

    def alter(self, work: Any) -> None:
        async def do() -> None:
            async with open_twin(self.directory / TWIN) as twin:
                await work(twin)

        run(do())

    def plan(self, mesh: MeshChoice | None = None) -> PlanFiles:
        wish = PlanRequest(mesh=mesh or self.mesh, target=TO, release_directories=self.releases, out=self.plan_file)
        return settle(plan(wish, lambda _: None, open_small_charts))

    def apply(self) -> RunResult:
        return settle(apply(ApplyRequest(plan=self.plan_file, directory=self.directory, release_directories=self.releases)))

    def resume(self, *approve: str) -> RunResult:
        wish = ResumeRequest(directory=self.directory, release_directories=self.releases, approve=approve)
        return settle(resume(wish))

    def rollback(self) -> RunResult:
        return settle(rollback(RollbackRequest(directory=self.directory)))

    def objects(self) -> list[Manifest]:
        looked_at = self.place / "looked-at"
        shutil.rmtree(looked_at, ignore_errors=True)
        return at_rest(leave_behind(self.directory, looked_at) / TWIN)


@pytest.fixture(scope="module")
def small_mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mesh") / TWIN
    make_mesh(path)
    return path


@pytest.fixture
def stage(small_mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "user-state"))
    unpack(tmp_path / "releases", TO)
    (tmp_path / "state").mkdir()
    shutil.copy(small_mesh, tmp_path / "state" / TWIN)
    return Stage(tmp_path, tmp_path / "releases")


def approvals(files: PlanFiles) -> list[Approve]:
    return [step for step in files.plan.steps if isinstance(step, Approve)]


def live(objects: list[Manifest], ref: ObjectRef) -> Manifest:
    return next(one for one in objects if ObjectRef.of(one) == ref)


def test_on_a_twin_it_is_asked_for_taken_over_and_given_back(stage: Stage) -> None:
    stage.alter(by_hand)
    before = stage.objects()
    files = stage.plan()
    base, istiod = approvals(files)
    assert "ClusterRole/istio-writer (no mark of Helm, istioctl or the Sail Operator; written by " in base.question
    assert "ClusterRole/istio-reader .metadata.labels.version (owned by ops)" in base.question
    assert f"{SETTINGS} (" in istiod.question and f"{SETTINGS} .data.values (owned by ops)" in istiod.question
    adoptions = [step for step in files.plan.steps if isinstance(step, AdoptObjects)]
    assert [[one.object for one in step.objects] for step in adoptions] == [[ROLE], [SETTINGS]]

    halted = stage.apply()
    assert isinstance(halted.error, HaltedError) and halted.waits_for == base.id
    assert differences(world_in(before), world_in(stage.objects())) == [], "nothing is written before the word"
    halted = stage.resume(base.id)
    assert halted.waits_for == istiod.id
    assert stage.resume(istiod.id).error is None
    done = stage.objects()
    marks = live(done, ROLE)["metadata"]["annotations"]
    assert marks["meta.helm.sh/release-name"] == "base"
    assert live(done, ROLE)["rules"][0]["verbs"] == ["get"]
    assert live(done, READER)["metadata"]["labels"]["version"] == TO

    assert stage.rollback().error is None
    after = stage.objects()
    assert differences(without(world_in(before), SETTINGS), without(world_in(after), SETTINGS)) == []
    assert differences(only(world_in(before), SETTINGS), only(world_in(after), SETTINGS), also_exempt=ANEW) == []
    assert pods_in(before) == pods_in(after)
    assert unexplained_calls(stage_entries(stage), files) == []


def stage_entries(stage: Stage) -> Any:
    from resail.journal.sqlite import open_journal

    journal = open_journal(stage.directory / "journal.db")
    return journal.entries(journal.runs()[-1].id)


def without(found: World, ref: ObjectRef) -> World:
    return {name: one for name, one in found.items() if ObjectRef.of(one) != ref}


def only(found: World, ref: ObjectRef) -> World:
    return {name: one for name, one in found.items() if ObjectRef.of(one) == ref}
