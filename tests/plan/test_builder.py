"""The planner: whatever the mesh, each step finds what the ones before it leave, and undoing leads back."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from resail.models.encoding import manifest_digest
from resail.models.identity import IstioVersion, ObjectRef
from resail.models.plan import (
    Approve,
    ComponentIs,
    HelmChange,
    LabelNamespace,
    LabelsAre,
    MoveTag,
    MoveValidator,
    ObjectIs,
    PlanFiles,
    Precondition,
    RelabelNamespace,
    ReleaseAbsent,
    ReleaseIs,
    ResourceIs,
    RestartWave,
    RollbackRelease,
    Step,
    TagBack,
    TagIs,
    TrustIs,
    Undo,
    UninstallRelease,
    UpgradeCNI,
    UpgradeGateway,
    Verify,
)
from resail.models.snapshot import Component, MeshSnapshot, Ownership, Webhook
from resail.plan.options import PlanOptions
from resail.plan.rollback import undo_sequence
from tests.plan.charts import installed, plan_for
from tests.plan.meshes import NOBODY, deployment, mesh, tag

LABELS: list[dict[str, str]] = [{}, {"istio-injection": "enabled"}, {"istio-injection": "disabled"}, {"istio.io/rev": "default"}]
_BASE = Ownership("helm", "istio-system/base", "annotation")


@st.composite
def meshes(draw: st.DrawFn) -> MeshSnapshot:
    tags = tuple(tag(name, "default") for name in draw(st.sets(st.sampled_from(["default", "prod", "test"]))))
    labels = [*LABELS, *({"istio.io/rev": one.tag} for one in tags)]
    namespaces = {name: draw(st.sampled_from(labels)) for name in ("a", "b", "c")}
    workloads = [
        deployment(f"w{number}", namespace=draw(st.sampled_from(["a", "b", "c"])), version=draw(st.sampled_from(["1.26.0", ""])))
        for number in range(draw(st.integers(0, 5)))
    ]
    version = "1.26.0"
    releases = [installed("istiod", "istiod", version, draw(st.integers(1, 9)))]
    validated = draw(st.booleans())
    pointed = {"defaultRevision": "default"} if validated else {}
    releases += [installed("base", "base", version, draw(st.integers(1, 9)), **pointed)] if draw(st.booleans()) else []
    gateway = deployment("gateway", namespace="istio-system")
    if draw(st.booleans()):
        releases.append(installed("gateway", "gateway", version))
        workloads.append(gateway)
    components: tuple[Component, ...] = ()
    if draw(st.booleans()):
        releases.append(installed("cni", "cni", version))
        components = (Component("cni", ObjectRef("apps/v1", "DaemonSet", "istio-system", "cni"), version, "", NOBODY),)
    kind = "ValidatingWebhookConfiguration"
    validator = Webhook(
        ObjectRef("admissionregistration.k8s.io/v1", kind, "", "istiod-default-validator"), "default", "", "", (), True, _BASE
    )
    return mesh(
        *workloads,
        namespaces=namespaces,
        tags=tags,
        components=components,
        helm_releases=tuple(releases),
        webhooks=(validator,) if validated else (),
    )


options = st.builds(
    PlanOptions, strategy=st.sampled_from(["canary", "in-place"]), max_parallel=st.integers(1, 3), approve_restarts=st.booleans()
)


STOPS = (IstioVersion(1, 27, 1), IstioVersion(1, 27, 5), IstioVersion(1, 28, 2))
ways = st.integers(0, len(STOPS))
"""How many stops there are on the way."""


def planned(snapshot: MeshSnapshot, wishes: PlanOptions, stops: int) -> PlanFiles:
    return plan_for(snapshot, wishes, *STOPS[:stops], target=(*STOPS, IstioVersion(1, 29, 0))[stops])


class Imagined:
    """The mesh in so far as steps have preconditions on it."""

    def __init__(self, snapshot: MeshSnapshot) -> None:
        self.releases: dict[str, list[tuple[str, str]]] = {
            one.key: [("", "")] * (one.revision - 1) + [(one.chart_version, manifest_digest(one.objects))]
            for one in snapshot.helm_releases
        }
        """Chart version and manifest of each revision."""
        self.tags = {one.tag: one.revision for one in snapshot.tags}
        self.labels: dict[str, dict[str, str | None]] = {one.name: dict(one.labels) for one in snapshot.namespaces}

    @property
    def facts(self) -> Any:
        labels = {name: {key: value for key, value in found.items() if value is not None} for name, found in self.labels.items()}
        return {name: history[-1] for name, history in self.releases.items()}, dict(self.tags), labels

    def holds(self, expected: Precondition) -> bool:
        match expected:
            case ReleaseIs(release=release, revision=revision, chart_version=version, manifest_digest=digest):
                history = self.releases[release]
                return (len(history), *history[-1]) == (revision, version, digest)
            case ReleaseAbsent(release=release):
                return release not in self.releases
            case ComponentIs() | ResourceIs() | TrustIs():
                raise NotImplementedError
            case TagIs(tag=name, revision=pointed):
                return self.tags.get(name) == pointed
            case LabelsAre(namespace=namespace, labels=labels):
                return all(self.labels[namespace].get(label) == value for label, value in labels.items())
            case ObjectIs():
                raise AssertionError("nothing was found in the way")

    def do(self, step: Step, files: PlanFiles) -> None:
        change = getattr(step, "change", None)
        if isinstance(change, HelmChange):
            history = self.releases.setdefault(f"{change.namespace}/{change.release}", [])
            history.append((change.to_version, manifest_digest(files.manifests[change.manifests])))
        elif isinstance(step, MoveTag):
            self.tags[step.tag] = step.to_revision
        elif isinstance(step, LabelNamespace):
            self.labels[step.namespace] |= step.labels

    def undo(self, how: Undo) -> None:
        match how:
            case RollbackRelease(release=release, to_revision=revision):
                self.releases[release].append(self.releases[release][revision - 1])
            case UninstallRelease(release=release):
                del self.releases[release]
            case TagBack(tag=name, to_revision=pointed):
                self.tags[name] = pointed
            case RelabelNamespace(namespace=namespace, labels=labels):
                self.labels[namespace] |= labels


@given(meshes(), options, ways)
def test_each_step_finds_what_the_ones_before_it_leave_and_undoing_leads_back(
    snapshot: MeshSnapshot, wishes: PlanOptions, stops: int
) -> None:
    files = planned(snapshot, wishes, stops)
    world = Imagined(snapshot)
    before = world.facts
    for step in files.plan.steps:
        assert [one for one in step.preconditions if not world.holds(one)] == []
        world.do(step, files)
    for step in undo_sequence(files.plan, {step.id for step in files.plan.steps}):
        world.undo(step.undo)
    assert world.facts == before


@given(meshes(), options, ways, st.integers(0, 60))
def test_a_half_done_plan_leads_back_too(snapshot: MeshSnapshot, wishes: PlanOptions, stops: int, done: int) -> None:
    files = planned(snapshot, wishes, stops)
    world = Imagined(snapshot)
    before = world.facts
    steps = files.plan.steps[:done]
    for step in steps:
        world.do(step, files)
    for step in undo_sequence(files.plan, {step.id for step in steps}):
        world.undo(step.undo)
    assert world.facts == before


@given(meshes(), options, ways)
def test_the_same_mesh_and_wishes_give_the_same_plan(snapshot: MeshSnapshot, wishes: PlanOptions, stops: int) -> None:
    assert planned(snapshot, wishes, stops).id == planned(snapshot, wishes, stops).id


@given(meshes(), options, ways)
def test_every_workload_is_restarted_or_left_alone_with_a_reason(snapshot: MeshSnapshot, wishes: PlanOptions, stops: int) -> None:
    plan = planned(snapshot, wishes, stops).plan
    waves = [step for step in plan.steps if isinstance(step, RestartWave)]
    for hop in range(len(plan.hops)):
        once = [one.workload for wave in waves if wave.hop == hop for one in wave.restarts]
        assert len(once) == len(set(once)), "no workload restarts twice in a hop"
    restarted = {one.workload for wave in waves for one in wave.restarts}
    alone = [one.workload for one in plan.untouched]
    assert len(alone) == len(set(alone)) and not restarted & set(alone)
    old_revisions = {f"istiod-{hop.to_revision}" for hop in plan.hops[:-1] if plan.strategy == "canary"}
    assert old_revisions <= {ref.name for ref in alone}
    assert restarted | set(alone) >= {one.ref for one in snapshot.workloads}
    assert all(one.reason for one in plan.untouched)


@given(meshes(), options, ways)
def test_each_hop_does_what_is_its_own_and_restarts_no_more_than_it_must(
    snapshot: MeshSnapshot, wishes: PlanOptions, stops: int
) -> None:
    plan = planned(snapshot, wishes, stops).plan
    for index, hop in enumerate(plan.hops):
        kinds = {type(step) for step in plan.steps if step.hop == index}
        assert hop.restarts or not kinds & {RestartWave, UpgradeGateway, UpgradeCNI, Approve}
        assert Verify in kinds
    validated = bool(snapshot.webhooks) and any(one.chart == "base" for one in snapshot.helm_releases)
    moves = [step.hop for step in plan.steps if isinstance(step, MoveValidator)]
    assert moves == (list(range(len(plan.hops))) if validated and wishes.strategy == "canary" else [])
    if wishes.strategy == "in-place":
        # 1.26.0 → 1.27.1 → 1.27.5 → 1.28.2 → 1.29.0: those of 1.26.0 may stay on until 1.27.5.
        expected = [[True], [False, True], [False, True, True], [False, True, True, True]]
        assert [hop.restarts for hop in plan.hops] == expected[stops]


@given(meshes(), options, st.integers(0, 1))
def test_control_planes_go_before_what_they_serve(snapshot: MeshSnapshot, wishes: PlanOptions, hop: int) -> None:
    plan = planned(snapshot, wishes, hop).plan
    kinds = [type(step).__name__ for step in plan.steps if step.hop == hop]
    order = [
        {"UpgradeCRDs"},
        {"InstallRevision", "UpgradeControlPlane"},
        {"UpgradeCNI"},
        {"MoveTag", "LabelNamespace", "MoveValidator"},
        {"UpgradeGateway"},
        {"Approve"},
        {"RestartWave"},
        {"Verify"},
    ]
    ranks = [next(rank for rank, group in enumerate(order) if kind in group) for kind in kinds]
    assert ranks == sorted(ranks)
    assert [step.id for step in plan.steps] == sorted({step.id for step in plan.steps})


def test_a_pin_of_what_was_left_behind_is_moved_on_with_it() -> None:
    workloads = (deployment("gateway", namespace="istio-system"),)
    releases = (installed("istiod", "istiod", "1.26.0"), installed("gateway", "gateway", "1.26.0", image="proxyv2:1.26.0"))
    plan = planned(mesh(*workloads, helm_releases=releases), PlanOptions(strategy="in-place"), 2).plan
    changes = [step.change for step in plan.steps if isinstance(step, UpgradeGateway)]
    images = [change.values["image"] for change in changes if isinstance(change, HelmChange)]
    assert images == ["proxyv2:1.27.5", "proxyv2:1.28.2"]
    assert [finding.id for finding in plan.findings if finding.severity == "blocker"] == []


def test_what_a_later_hop_upgrades_is_not_called_a_stranger_by_one_that_left_it_behind() -> None:
    workloads = (deployment("cni", namespace="istio-system", kind="DaemonSet", version=""), deployment("other", version=""))
    releases = (installed("istiod", "istiod", "1.26.0"), installed("cni", "cni", "1.26.0"))
    component = Component("cni", workloads[0].ref, "1.26.0", "", NOBODY)
    snapshot = mesh(*workloads, helm_releases=releases, components=(component,), namespaces={})
    plan = planned(snapshot, PlanOptions(strategy="in-place"), 2).plan
    reasons = {one.workload.name: one.reason for one in plan.untouched}
    assert (reasons["cni"], reasons["other"]) == ("a step of its own upgrades it", "it is outside the mesh")
