"""The end of a canary in its plan: the old revision goes, or the plan says that it stays."""

import msgspec
import pytest

from resail.errors import UsageError
from resail.models.identity import IstioVersion, ObjectRef
from resail.models.plan import AwaitSoak, PlanFiles, ReleaseIs, RemoveRevision, RollbackRelease
from resail.models.snapshot import MeshSnapshot
from resail.plan.options import PlanOptions
from resail.plan.rollback import undo_sequence
from resail.plan.selection import select
from resail.snapshot.aftermath import aftermath
from tests.plan.charts import installed, plan_for
from tests.plan.meshes import deployment, mesh

REMOVING = PlanOptions(remove_old=True, soak=5400)


def a_mesh() -> MeshSnapshot:
    releases = (installed("base", "base", "1.26.0"), installed("istiod", "istiod", "1.26.0", revision=3))
    return mesh(deployment("web"), helm_releases=releases)


def kinds(files: PlanFiles, hop: int = 0) -> list[str]:
    return [type(step).__name__ for step in files.plan.steps if step.hop == hop]


def ids(files: PlanFiles) -> set[str]:
    return {finding.id for finding in files.plan.findings}


def test_it_stays_and_the_plan_says_so() -> None:
    files = plan_for(a_mesh(), PlanOptions())
    assert "RemoveRevision" not in kinds(files)
    (told,) = [finding for finding in files.plan.findings if finding.id == "old-revision-stays"]
    assert (told.severity, told.message) == ("info", "revision default (istiod 1.26.0) stays installed, beside 1-27-0")
    assert "old-revision-stays" not in ids(plan_for(a_mesh(), PlanOptions(strategy="in-place")))


def test_it_soaks_and_goes_after_all_was_verified_and_is_verified_again() -> None:
    files = plan_for(a_mesh(), REMOVING)
    assert kinds(files)[-4:] == ["Verify", "AwaitSoak", "RemoveRevision", "Verify"]
    assert "old-revision-stays" not in ids(files)
    soak, removal = files.plan.steps[-3:-1]
    assert isinstance(soak, AwaitSoak)
    assert (soak.seconds, soak.title) == (5400, "Let revision 1-27-0 serve for 90 min before default goes")
    assert isinstance(removal, RemoveRevision)
    assert removal.undo == RollbackRelease("istio-system/istiod", 3)
    (stands,) = removal.preconditions
    assert isinstance(stands, ReleaseIs)
    assert (stands.release, stands.revision) == ("istio-system/istiod", 3)
    rendered = {ObjectRef.of(manifest) for manifest in files.manifests[removal.manifests]}
    assert {each.object for each in removal.objects} == rendered
    assert {each.change for each in removal.objects} == {"remove"}


def test_without_a_soak_it_goes_at_once() -> None:
    assert kinds(plan_for(a_mesh(), PlanOptions(remove_old=True)))[-3:] == ["Verify", "RemoveRevision", "Verify"]


def test_what_helm_is_to_keep_is_not_called_removed() -> None:
    snapshot = a_mesh()
    (base, istiod) = snapshot.helm_releases
    marked = {**istiod.objects[0]}
    marked["metadata"] = {**marked["metadata"], "annotations": {"helm.sh/resource-policy": "keep"}}
    kept = msgspec.structs.replace(istiod, objects=(marked, *istiod.objects[1:]))
    files = plan_for(msgspec.structs.replace(snapshot, helm_releases=(base, kept)), REMOVING)
    removal = next(step for step in files.plan.steps if isinstance(step, RemoveRevision))
    assert ObjectRef.of(marked) not in {each.object for each in removal.objects}
    assert len(removal.objects) == len(istiod.objects) - 1


@pytest.mark.parametrize(
    ("options", "on"),
    [(PlanOptions(strategy="in-place", remove_old=True), "--remove-old"), (PlanOptions(soak=60), "--soak")],
)
def test_wishes_that_contradict(options: PlanOptions, on: str) -> None:
    with pytest.raises(UsageError) as error:
        plan_for(a_mesh(), options)
    assert error.value.on == on


def test_each_hop_removes_the_revision_that_it_leaves() -> None:
    files = plan_for(a_mesh(), REMOVING, IstioVersion(1, 28, 0), target=IstioVersion(1, 29, 0))
    removals = [step for step in files.plan.steps if isinstance(step, RemoveRevision)]
    assert [(step.hop, step.revision, step.release) for step in removals] == [
        (0, "default", "istio-system/istiod"),
        (1, "1-28-0", "istio-system/istiod-1-28-0"),
    ]
    assert [step.id for step in files.plan.steps] == sorted({step.id for step in files.plan.steps})
    undone = [type(step).__name__ for step in undo_sequence(files.plan, {step.id for step in files.plan.steps})]
    assert undone[0] == "RemoveRevision", "what is undone after it needs the old revision"
    assert undone.index("InstallRevision") < undone.index("RemoveRevision", 1), "hop by hop"


def test_the_next_plan_is_not_in_doubt_which_revision_is_meant() -> None:
    snapshot = a_mesh()
    (hop,) = (files := plan_for(snapshot, REMOVING)).plan.hops
    after = aftermath(snapshot, hop, files.plan.steps, files.manifests)
    assert [plane.revision for plane in after.control_planes] == ["1-27-0"]
    assert {release.key: release.status for release in after.helm_releases}["istio-system/istiod"] == "uninstalled"
    assert select(after, "").plane.revision == "1-27-0"
    stays = plan_for(snapshot, PlanOptions())
    with pytest.raises(UsageError, match="several revisions"):
        select(aftermath(snapshot, hop, stays.plan.steps, stays.manifests), "")
