"""Objects and fields of others that are in the way of an upgrade: asked for, taken over, and given back as they were."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from resail.cluster import Cluster
from resail.errors import BlockedError, HaltedError, StalePlanError
from resail.journal.sqlite import open_journal
from resail.models.identity import Manifest, ObjectRef
from resail.models.journal import Entry
from resail.models.plan import AdoptObjects, Approve, PlanFiles
from resail.operations.apply import ApplyRequest, ResumeRequest, RollbackRequest, apply, resume, rollback
from resail.operations.cluster_choice import TWIN, ClusterChoice
from resail.operations.execution import RunResult
from resail.operations.inspect import MeshChoice, inspect
from resail.operations.plan import PlanRequest, plan
from resail.operations.rehearse import RehearseRequest, rehearse
from resail.plan.file import read_plan
from resail.snapshot.file import save_snapshot
from resail.testbed import audit
from resail.testbed.binaries import ensure
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.acceptance.conftest import Resail
from tests.acceptance.crashes import KilledError, committing, leave_behind, settle
from tests.acceptance.foreseen import foreseen_on_a_copy, otherwise
from tests.acceptance.judge import unexplained
from tests.acceptance.small_mesh import TO, open_small_charts
from tests.acceptance.twin_world import at_rest, pods_in, unexplained_calls, world_in
from tests.acceptance.world import World, differences, kinds_of, world

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
    await cluster.apply(reader_of_ours(), manager="ops", force=True)


def reader_of_ours() -> Manifest:
    return {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": READER.name, "labels": {"version": "ours"}}}


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

    def entries(self) -> Sequence[Entry]:
        journal = open_journal(self.directory / "journal.db")
        return journal.entries(journal.runs()[-1].id)

    def objects(self) -> list[Manifest]:
        looked_at = self.place / "looked-at"
        shutil.rmtree(looked_at, ignore_errors=True)
        return at_rest(leave_behind(self.directory, looked_at) / TWIN)


@pytest.fixture
def stage(small_place: Path) -> Stage:
    return Stage(small_place, small_place / "releases")


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

    foreseen, known = foreseen_on_a_copy(stage.directory, stage.place / "foreseen"), len(stage.entries())
    assert stage.rollback().error is None
    assert otherwise(foreseen, stage.entries()[known:]) == []
    after = stage.objects()
    assert differences(without(world_in(before), SETTINGS), without(world_in(after), SETTINGS)) == []
    assert differences(only(world_in(before), SETTINGS), only(world_in(after), SETTINGS), also_exempt=ANEW) == []
    assert pods_in(before) == pods_in(after)
    assert unexplained_calls(stage.entries(), files) == []


def without(found: World, ref: ObjectRef) -> World:
    return {name: one for name, one in found.items() if ObjectRef.of(one) != ref}


def only(found: World, ref: ObjectRef) -> World:
    return {name: one for name, one in found.items() if ObjectRef.of(one) == ref}


@pytest.mark.parametrize("commit", [pytest.param(n, marks=() if n in (9, 12, 18) else pytest.mark.soak) for n in range(4, 60)])
def test_killed_anywhere_and_rolled_back_it_is_given_back(stage: Stage, commit: int) -> None:
    """Commits of the run that goes on after both approvals; the fast ones lie around the adoption and the release after it."""
    stage.alter(by_hand)
    before = stage.objects()
    base, istiod = approvals(stage.plan())
    stage.apply()
    left = stage.place / "left"

    def die(number: int) -> None:
        if number == commit:
            leave_behind(stage.directory, left)
            raise KilledError

    try:
        with committing(die):
            stage.resume(base.id, istiod.id)
    except KilledError:
        stage.directory = left
    assert stage.rollback().error is None
    after = stage.objects()
    assert differences(without(world_in(before), SETTINGS), without(world_in(after), SETTINGS)) == []
    assert differences(only(world_in(before), SETTINGS), only(world_in(after), SETTINGS), also_exempt=ANEW) == []


def test_an_owner_that_takes_its_field_again_does_not_stop_the_rollback(stage: Stage) -> None:
    stage.alter(by_hand)
    before = stage.objects()
    waiting = approvals(stage.plan())
    stage.apply()
    assert stage.resume(*(one.id for one in waiting)).error is None

    async def again(cluster: Cluster) -> None:
        await cluster.apply(reader_of_ours(), manager="ops", force=True)

    stage.alter(again)
    assert stage.rollback().error is None
    assert differences(without(world_in(before), SETTINGS), without(world_in(stage.objects()), SETTINGS)) == []


def test_it_is_rehearsed_on_a_copy_that_has_it_too(stage: Stage) -> None:
    stage.alter(by_hand)
    stage.plan()
    told = settle(rehearse(RehearseRequest(plan=stage.plan_file, mesh=stage.mesh), lambda _: None))
    assert told.state == "done", told.detail


def test_an_object_that_changed_since_makes_the_plan_stale(stage: Stage) -> None:
    stage.alter(by_hand)
    stage.plan()

    async def change(cluster: Cluster) -> None:
        await cluster.patch(ROLE, {"metadata": {"labels": {"team": "theirs"}}})

    stage.alter(change)
    before = stage.objects()
    with pytest.raises(StalePlanError, match="ClusterRole/istio-writer was changed"):
        stage.apply()
    assert differences(world_in(before), world_in(stage.objects())) == []


def test_an_object_of_another_release_blocks(stage: Stage) -> None:
    async def of_another(cluster: Cluster) -> None:
        marks = {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "istio-system"}
        theirs = role(ROLE, "list")
        theirs["metadata"]["annotations"] = marks
        await cluster.create(theirs)

    stage.alter(of_another)
    with pytest.raises(BlockedError, match="it bears the marks of Helm release istio-system/other"):
        stage.plan()


def test_a_plan_from_a_file_says_that_it_does_not_know_and_the_release_refuses(stage: Stage) -> None:
    stage.alter(by_hand)
    before = stage.objects()
    save_snapshot(stage.place / "mesh.json", settle(inspect(stage.mesh)))
    files = stage.plan(MeshChoice(snapshot=stage.place / "mesh.json"))
    told = [finding for finding in files.plan.findings if finding.id == "obstacles-unknown"]
    assert told and all(finding.severity == "warning" for finding in told)
    assert approvals(files) == []
    result = stage.apply()
    assert isinstance(result.error, HaltedError)
    assert differences(world_in(before), world_in(stage.objects())) == []


# --- on the real API server, with real Helm ---------------------------------------------------------------------


def kubectl(resail: Resail, *arguments: str) -> None:
    program = ensure(("kubectl",), print)["kubectl"]
    command: list[str | Path] = [program, "--kubeconfig", resail.bed.kubeconfig_of("deployer"), "-n", "istio-system", *arguments]
    subprocess.run(command, check=True, capture_output=True)


UNMARKED = "no mark of Helm, istioctl or the Sail Operator; written by kubectl-create"


@pytest.mark.bed
def test_in_place_a_config_map_and_a_label_are_taken_over_and_given_back(resail: Resail) -> None:
    """ConfigMap ``values`` is new in the istiod chart of 1.26; the label is one that the chart has always set."""
    istioctl = ensure(("istioctl-1.25.1",), print)["istioctl-1.25.1"]
    command: list[str | Path] = [istioctl, "--kubeconfig", resail.bed.kubeconfig_of("deployer"), "tag", "set", "prod"]
    subprocess.run([*command, "--revision", "default"], check=True, capture_output=True)
    mesh = resail("inspect", "-o", "json").json
    assert [(tag["tag"], tag["owner"]["method"]) for tag in mesh["tags"]] == [("prod", "istioctl")]
    owners = [mesh["base"], *(part["owner"] for part in (*mesh["control_planes"], *mesh["components"]))]
    assert {owner["method"] for owner in owners} == {"helm"}

    kubectl(resail, "create", "configmap", "values", "--from-literal=merged-values=ours", "--from-literal=x=y")
    kubectl(resail, "label", "service", "istiod", "release=ours", "--overwrite")
    before = world(resail.bed)
    begun = len(resail.bed.audit())
    resail.make_plan("--strategy", "in-place")
    files = read_plan(resail.plan)
    assert audit.writes(resail.bed.audit()[begun:], "resail") == [], "to look is no write"
    (approve,) = approvals(files)
    assert f"istio-system/ConfigMap/values ({UNMARKED})" in approve.question
    assert "istio-system/Service/istiod .metadata.labels.release (owned by kubectl-label)" in approve.question

    halted = resail.apply(code=5)
    assert "take over" in halted["detail"]
    assert [step["kind"] for step in halted["steps"] if step["outcome"] == "done"] == ["UpgradeCRDs"]
    assert resail.resume("--approve", approve.id)["state"] == "done"
    values = resail.bed.api("GET", "/api/v1/namespaces/istio-system/configmaps/values").json()
    assert values["metadata"]["annotations"]["meta.helm.sh/release-name"] == "istiod"
    assert "ours" not in values["data"]["merged-values"]

    assert resail.rollback()["state"] == "rolled-back"
    assert differences(before, world(resail.bed)) == []
    written = audit.writes(resail.bed.audit()[begun:], "resail")
    assert unexplained(written, files, kinds_of(resail.bed), undone=True) == []


@pytest.mark.bed
@pytest.mark.soak
def test_by_revision_a_service_account_goes_with_the_revision_and_is_made_again(resail: Resail) -> None:
    kubectl(resail, "create", "serviceaccount", "istiod-1-26-0")
    kubectl(resail, "annotate", "serviceaccount", "istiod-1-26-0", "note=ours")
    before = world(resail.bed)
    resail.make_plan("--approve-restarts")
    ours, _ = approvals(read_plan(resail.plan))
    assert "istio-system/ServiceAccount/istiod-1-26-0 (" in ours.question
    resail.apply(code=5)
    resail.resume("--approve", ours.id, code=5)
    account = resail.bed.api("GET", "/api/v1/namespaces/istio-system/serviceaccounts/istiod-1-26-0").json()
    assert account["metadata"]["annotations"]["meta.helm.sh/release-name"] == "istiod-1-26-0"

    assert resail.rollback()["state"] == "rolled-back"
    assert differences(before, world(resail.bed), also_exempt=ANEW) == []
