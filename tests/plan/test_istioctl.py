"""Plans for meshes of istioctl, or parts of them: by what istioctl deletes and leaves, each step finds what it needs."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resail.errors import BlockedError
from resail.models.encoding import manifest_digest
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.istioctl_marks import mark_of
from resail.models.plan import (
    ComponentIs,
    HelmChange,
    InstallBefore,
    InstallRevision,
    IstioctlChange,
    LabelNamespace,
    LabelsAre,
    MoveTag,
    PlanFiles,
    Precondition,
    RelabelNamespace,
    ReleaseAbsent,
    ReleaseIs,
    RestartWave,
    RollbackRelease,
    Step,
    TagBack,
    TagIs,
    Undo,
    UninstallRelease,
    UninstallRevision,
    UpgradeControlPlane,
    UpgradeGateway,
)
from resail.models.snapshot import MeshSnapshot
from resail.plan.options import PlanOptions
from resail.plan.rollback import undo_sequence
from resail.plan.stages import Configurations
from tests.plan.charts import installed, plan_for
from tests.plan.meshes import deployment, mesh, tag
from tests.plan.operators import (
    ISTIOCTL,
    component_parts,
    control_plane,
    default_tag,
    installed_components,
    operator,
)

OLD = "1.26.0"
STOPS = (IstioVersion(1, 27, 1), IstioVersion(1, 27, 5), IstioVersion(1, 28, 2))
_CRD = "CustomResourceDefinition"


class Given:
    """A mesh, and the configuration that istioctl installed its part of."""

    def __init__(self, snapshot: MeshSnapshot, configuration: dict[str, Any]) -> None:
        self.snapshot = snapshot
        self.configurations = Configurations(configuration, {("default", OLD): configuration})

    def __repr__(self) -> str:
        return repr(self.configurations.wished)

    def plan(self, wishes: PlanOptions, stops: int) -> PlanFiles:
        target = (*STOPS, IstioVersion(1, 29, 0))[stops]
        return plan_for(self.snapshot, wishes, *STOPS[:stops], target=target, configurations=self.configurations)


@st.composite
def meshes(draw: st.DrawFn) -> Given:
    """istiod, CNI, ztunnel and gateways, each by istioctl, by Helm, or not there."""
    by_istioctl = draw(st.sets(st.sampled_from(["istiod", "base", "cni", "ztunnel", "gateway"]), min_size=1))
    by_helm = draw(st.sets(st.sampled_from(["base", "cni", "ztunnel", "gateway"]))) - by_istioctl
    by_helm |= set() if "istiod" in by_istioctl else {"istiod"}
    gateways = ("ingressgateway", "second-gateway")[: draw(st.integers(1, 2))] if "gateway" in by_istioctl else ()
    off = [name for name, part in (("no-base", "base"), ("no-pilot", "istiod")) if part not in by_istioctl]
    configuration = operator(*(by_istioctl & {"cni", "ztunnel"}), *off, gateways=gateways, meshConfig={"a": 1})
    components = installed_components(configuration, OLD)
    parts, workloads = component_parts(components)
    releases = tuple(installed(part, part, OLD, draw(st.integers(1, 5))) for part in sorted(by_helm))
    workloads += (deployment("gateway", namespace="istio-system"),) if "gateway" in by_helm else ()
    names = draw(st.sets(st.sampled_from(["prod", "test"])))
    tags = tuple(sorted((default_tag(OLD), *(tag(name, "default") for name in names)), key=lambda one: one.tag))
    labels: list[dict[str, str]] = [{}, {"istio-injection": "enabled"}, *({"istio.io/rev": name} for name in sorted(names))]
    namespaces = {name: draw(st.sampled_from(labels)) for name in ("a", "b")}
    apps = [deployment(f"w{number}", namespace=draw(st.sampled_from(["a", "b"]))) for number in range(draw(st.integers(0, 3)))]
    more: dict[str, Any] = {}
    if "istiod" in by_istioctl:
        more["control_planes"] = (control_plane(OLD),)
    snapshot = mesh(
        *workloads,
        *apps,
        namespaces=namespaces,
        tags=tags if "istiod" in by_istioctl else tags[:0],
        components=parts,
        helm_releases=releases,
        istioctl_components=components,
        **more,
    )
    return Given(snapshot, configuration)


options = st.builds(PlanOptions, strategy=st.sampled_from(["canary", "in-place"]), max_parallel=st.integers(1, 3))
ways = st.integers(0, len(STOPS))


class Imagined:
    """The mesh in so far as its installers deal with it."""

    def __init__(self, snapshot: MeshSnapshot) -> None:
        self.objects: dict[ObjectRef, Manifest] = {
            ObjectRef.of(manifest): manifest for one in snapshot.istioctl_components for manifest in one.objects
        }
        self.releases = {
            one.key: [("", "")] * (one.revision - 1) + [(one.chart_version, manifest_digest(one.objects))]
            for one in snapshot.helm_releases
        }
        self.tags = {one.tag: one.revision for one in snapshot.tags}
        self.labels: dict[str, dict[str, str | None]] = {one.name: dict(one.labels) for one in snapshot.namespaces}

    @property
    def marks(self) -> dict[ObjectRef, tuple[str, str, str] | None]:
        """Of what is no longer the newer one's: CRDs stay at the target, and Base goes with them."""
        return {ref: mark for ref, one in self.objects.items() if (mark := mark_of(one)) and mark[0] != "Base"}

    @property
    def facts(self) -> Any:
        labels = {name: {key: value for key, value in found.items() if value} for name, found in self.labels.items()}
        return self.marks, {name: history[-1] for name, history in self.releases.items()}, dict(self.tags), labels

    def install(self, objects: tuple[Manifest, ...], revision: str, version: str) -> None:
        kept = {ObjectRef.of(manifest) for manifest in objects}
        for manifest in objects:
            self.objects[ObjectRef.of(manifest)] = manifest
        for ref, manifest in list(self.objects.items()):
            mark = mark_of(manifest)
            if mark and mark[1:] == (revision, version) and ref not in kept and ref.kind != _CRD:
                del self.objects[ref]

    def uninstall(self, revision: str) -> None:
        for ref, (component, of, _) in [(ref, mark) for ref, one in self.objects.items() if (mark := mark_of(one))]:
            if of == revision and component != "Base":
                del self.objects[ref]

    def holds(self, expected: Precondition) -> bool:
        match expected:
            case ComponentIs(component=component, revision=revision, version=version):
                marks = [mark for one in self.objects.values() if (mark := mark_of(one))]
                found = [mark[2] for mark in marks if mark[:2] == (component, revision)]
                return max(found, default="") == version
            case ReleaseIs(release=release, revision=number, chart_version=version, manifest_digest=digest):
                history = self.releases[release]
                return (len(history), *history[-1]) == (number, version, digest)
            case ReleaseAbsent(release=release):
                return release not in self.releases
            case TagIs(tag=name, revision=pointed):
                return self.tags.get(name) == pointed
            case LabelsAre(namespace=namespace, labels=labels):
                return all(self.labels[namespace].get(label) == value for label, value in labels.items())
            case _:
                raise AssertionError(expected)

    def do(self, step: Step, files: PlanFiles) -> None:
        match getattr(step, "change", None):
            case HelmChange() as change:
                history = self.releases.setdefault(f"{change.namespace}/{change.release}", [])
                history.append((change.to_version, manifest_digest(files.manifests[change.manifests])))
            case IstioctlChange() as change:
                self.install(files.manifests[change.manifests], change.revision, change.to_version)
            case _:
                pass
        if isinstance(step, MoveTag):
            self.tags[step.tag] = step.to_revision
        elif isinstance(step, LabelNamespace):
            self.labels[step.namespace] |= step.labels

    def undo(self, how: Undo, files: PlanFiles) -> None:
        match how:
            case InstallBefore(manifests=manifests, version=version, configuration=configuration, added=added):
                self.install(files.manifests[manifests], configuration["spec"].get("revision", "default"), version)
                for ref in added:
                    self.objects.pop(ref, None)
            case UninstallRevision(revision=revision):
                self.uninstall(revision)
            case RollbackRelease(release=release, to_revision=number):
                self.releases[release].append(self.releases[release][number - 1])
            case UninstallRelease(release=release):
                del self.releases[release]
            case TagBack(tag=name, to_revision=pointed):
                self.tags[name] = pointed
            case RelabelNamespace(namespace=namespace, labels=labels):
                self.labels[namespace] |= labels


@settings(max_examples=50)
@given(meshes(), options, ways, st.integers(0, 60))
def test_each_step_finds_what_it_needs_and_undoing_leads_back(given: Given, wishes: PlanOptions, stops: int, done: int) -> None:
    """From wherever the run was broken off."""
    files = given.plan(wishes, stops)
    blockers = {one.id for one in files.plan.findings if one.severity == "blocker"}
    assert blockers <= {"proxy-left-behind"}
    world = Imagined(given.snapshot)
    before, there = world.facts, set(world.objects)
    steps = files.plan.steps[:done]
    for step in steps:
        assert [one for one in step.preconditions if not world.holds(one)] == [], step.id
        world.do(step, files)
        assert there <= set(world.objects), f"{step.id} removed something that was installed"
    for step in undo_sequence(files.plan, {step.id for step in steps}):
        world.undo(step.undo, files)
        assert there <= set(world.objects), f"undoing {step.id} removed something that was installed"
    assert world.facts == before


@settings(max_examples=50)
@given(meshes(), options, ways)
def test_all_that_istioctl_installed_comes_to_the_target_and_nothing_rests_on_a_switched_off_value(
    given: Given, wishes: PlanOptions, stops: int
) -> None:
    files = given.plan(wishes, stops)
    world = Imagined(given.snapshot)
    for step in files.plan.steps:
        world.do(step, files)
    target = str(files.plan.to_version)
    parts = {one.component for one in given.snapshot.istioctl_components}
    marks = [mark for one in world.objects.values() if (mark := mark_of(one))]
    for component in parts:
        assert target in {mark[2] for mark in marks if mark[0] == component}
    if wishes.strategy == "in-place":
        assert {mark[2] for mark in marks} == {target}
    with_cni = given.configurations.wished["spec"]["components"]["cni"]["enabled"]
    told = {one["data"]["values"] for one in world.objects.values() if one["kind"] == "ConfigMap" and "data" in one}
    assert all(f"cni={with_cni}," in values for values in told)


@settings(max_examples=50)
@given(meshes(), options, ways)
def test_stages_are_cumulative_and_the_same_mesh_gives_the_same_plan(given: Given, wishes: PlanOptions, stops: int) -> None:
    files = given.plan(wishes, stops)
    assert files.id == given.plan(wishes, stops).id
    for hop in range(len(files.plan.hops)):
        changes = [getattr(step, "change", None) for step in files.plan.steps if step.hop == hop]
        stages = [set(change.components) for change in changes if isinstance(change, IstioctlChange)]
        assert all(earlier <= later for earlier, later in pairwise(stages))


def a_mesh(**spec: Any) -> Given:
    """All of it by istioctl, with CNI and two gateways."""
    configuration = operator("cni", gateways=("ingressgateway", "second-gateway"), **spec)
    components = installed_components(configuration, OLD)
    parts, workloads = component_parts(components)
    snapshot = mesh(
        *workloads,
        deployment("web"),
        tags=(default_tag(OLD), tag("prod-stable", "default", ISTIOCTL)),
        components=parts,
        helm_releases=(),
        control_planes=(control_plane(OLD),),
        istioctl_components=components,
    )
    return Given(snapshot, configuration)


def test_in_place() -> None:
    files = a_mesh().plan(PlanOptions(strategy="in-place"), 0)
    assert [type(step).__name__ for step in files.plan.steps] == [
        "UpgradeControlPlane",
        "UpgradeCNI",
        "UpgradeGateway",
        "UpgradeGateway",
        "RestartWave",
        "Verify",
    ]
    control, cni, first, second, *_ = files.plan.steps
    assert isinstance(control, UpgradeControlPlane) and isinstance(control.change, IstioctlChange)
    assert control.change.components == ("Base", "Pilot")
    assert control.change.configuration["spec"]["components"]["cni"] == {"enabled": False}
    changed = {(one.object.kind, one.object.name): one.change for one in control.change.objects}
    # The charts of 1.27 have a role more; the tag `default` is set again.
    assert (changed["Deployment", "istiod"], changed["Role", "istiod"]) == ("change", "add")
    assert {"istio-revision-tag-default", "istiod-default-validator"} <= {name for _, name in changed}
    assert isinstance(control.undo, InstallBefore)
    # Whatever was not brought on bears the old version: istioctl of that version would remove it.
    assert control.undo.components == ("Base", "Pilot", "Cni", "IngressGateways")
    assert [ref.kind for ref in control.undo.added] == ["Role"]
    assert isinstance(cni.undo, InstallBefore) and cni.undo.components == ("Cni", "IngressGateways")
    assert isinstance(first, UpgradeGateway) and isinstance(second, UpgradeGateway)
    assert first.change.manifests == second.change.manifests
    assert (first.workload.name, second.workload.name) == ("ingressgateway", "second-gateway")
    assert second.preconditions[:1] == (ComponentIs("IngressGateways", "default", "1.27.1"),)


def test_canary() -> None:
    files = a_mesh().plan(PlanOptions(strategy="canary"), 0)
    install = files.plan.steps[0]
    assert isinstance(install, InstallRevision) and isinstance(install.change, IstioctlChange)
    assert (install.change.revision, install.change.from_version) == ("1-27-1", "")
    assert install.change.configuration["spec"]["revision"] == "1-27-1"
    assert install.preconditions == (ComponentIs("Base", "default", OLD), ComponentIs("Pilot", "1-27-1", ""))
    assert install.undo == UninstallRevision("1-27-1", "1.27.1")
    names = {one["metadata"]["name"] for one in files.manifests[install.change.manifests]}
    assert "istiod-1-27-1" in names and not names & {"istiod", "istio-cni-node", "istio-revision-tag-default"}
    moves = {step.tag: step for step in files.plan.steps if isinstance(step, MoveTag)}
    assert set(moves) == {"default", "prod-stable"}
    webhook, validator = files.manifests[moves["default"].manifests]
    assert (webhook["kind"], validator["kind"]) == ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    assert validator["webhooks"][0]["clientConfig"]["service"]["name"] == "istiod-1-27-1"
    assert isinstance(moves["default"].undo, TagBack) and len(files.manifests[moves["default"].undo.manifests]) == 2
    assert len(files.manifests[moves["prod-stable"].manifests]) == 1
    gateway = next(step for step in files.plan.steps if isinstance(step, UpgradeGateway))
    assert isinstance(gateway.undo, InstallBefore)
    # The old istiod bears the old version all the time; Base is with the new revision until that is removed.
    assert gateway.undo.components == ("Pilot", "Cni", "IngressGateways")
    assert any(isinstance(step, RestartWave) for step in files.plan.steps)


def test_what_runs_otherwise_than_it_is_rendered_blocks() -> None:
    given = a_mesh()
    other = operator("cni", gateways=("ingressgateway", "second-gateway"), meshConfig={"accessLogFile": "/dev/stdout"})
    given.configurations = Configurations(other, {("default", OLD): other})
    (blocker,) = (one for one in given.plan(PlanOptions(strategy="in-place"), 0).plan.findings if one.severity == "blocker")
    assert blocker.id == "istioctl-stages-differ"


def test_a_default_tag_that_points_elsewhere_is_not_taken_back_in_silence() -> None:
    given = a_mesh()
    elsewhere = default_tag(OLD, "other")
    given.snapshot = mesh(
        *given.snapshot.workloads,
        tags=(elsewhere,),
        components=given.snapshot.components,
        helm_releases=(),
        control_planes=given.snapshot.control_planes,
        istioctl_components=given.snapshot.istioctl_components,
    )
    found = [one.id for one in given.plan(PlanOptions(strategy="in-place"), 0).plan.findings if one.severity == "blocker"]
    assert found == ["istioctl-would-set-default-tag"]


@pytest.mark.parametrize("strategy", ["canary", "in-place"])
def test_two_owners_of_one_part_are_refused(strategy: Any) -> None:
    given = a_mesh()
    fields = {name: getattr(given.snapshot, name) for name in ("tags", "components", "control_planes", "istioctl_components")}
    given.snapshot = mesh(*given.snapshot.workloads, helm_releases=(installed("base", "base", OLD),), **fields)
    with pytest.raises(BlockedError, match="base has more than one owner: Helm release istio-system/base, istioctl"):
        given.plan(PlanOptions(strategy=strategy), 0)


def test_a_pin_is_moved_on_and_a_foreign_one_blocks() -> None:
    overlay = {"patches": [{"path": "spec.template.spec.containers.[name:discovery].image", "value": "mirror/pilot:1.26.0"}]}
    given = a_mesh(tag=OLD, values={"global": {"proxy": {"image": f"mirror/proxyv2:{OLD}"}}}, overlays=[overlay])
    files = given.plan(PlanOptions(strategy="in-place"), 1)
    last = [step.change for step in files.plan.steps if isinstance(step, UpgradeGateway)][-1]
    assert isinstance(last, IstioctlChange)
    spec = last.configuration["spec"]
    assert (spec["tag"], spec["values"]["global"]["proxy"]["image"]) == ("1.27.5", "mirror/proxyv2:1.27.5")
    assert spec["overlays"][0]["patches"][0]["value"] == "mirror/pilot:1.27.5"
    blocked = a_mesh(tag="1.26.0-ours").plan(PlanOptions(strategy="in-place"), 0)
    assert "image-pinned" in {one.id for one in blocked.plan.findings if one.severity == "blocker"}


def test_a_component_that_is_not_installed_is_not_slipped_in() -> None:
    given = a_mesh()
    wished = operator("cni", gateways=("ingressgateway", "second-gateway"))
    wished["spec"]["components"]["egressGateways"] = [{"name": "out-gateway", "enabled": True}]
    given.configurations = Configurations(wished, given.configurations.known)
    (blocker,) = (one for one in given.plan(PlanOptions(strategy="in-place"), 0).plan.findings if one.severity == "blocker")
    assert (blocker.id, {one.name for one in blocker.objects}) == ("istioctl-component-added", {"out-gateway"})
