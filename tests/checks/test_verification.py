"""Judging a mesh from facts."""

from typing import Any

import msgspec

from resail.checks.differences import changed_fields, object_changes
from resail.checks.skew import minors_behind, skew_findings
from resail.checks.verification import ManifestEvidence, ServiceEvidence, VerificationEvidence, verify_mesh
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.plan import Hop, Restart, RestartAgain, RestartWave
from resail.models.snapshot import MeshSnapshot
from resail.plan.options import PlanOptions
from resail.plan.stages import Configurations
from tests.plan.charts import plan_for
from tests.plan.meshes import deployment, mesh, tag
from tests.plan.operators import component_parts, control_plane, default_tag, installed_components, operator
from tests.plan.test_file import a_plan

NOTHING = VerificationEvidence((), (), ())


def ids(snapshot: MeshSnapshot, evidence: VerificationEvidence = NOTHING) -> list[str]:
    return [finding.id for finding in verify_mesh(snapshot, evidence, None)]


def config_map(**data: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "n", "resourceVersion": "1"},
        "data": data,
    }


def evidence(live: Manifest | None, wanted: Manifest | None) -> VerificationEvidence:
    ref = ObjectRef("v1", "ConfigMap", "n", "c")
    return VerificationEvidence((ManifestEvidence(ref, "istio-system/istiod", live, wanted),), (), ())


def test_a_healthy_mesh_is_silent() -> None:
    same = evidence(config_map(a="1"), {**config_map(a="1"), "metadata": {"name": "c", "namespace": "n", "resourceVersion": "2"}})
    assert ids(mesh(deployment("web")), same) == []


def test_missing_and_changed_objects_are_named_with_the_field() -> None:
    assert ids(mesh(), evidence(None, None)) == ["object-missing"]
    (finding,) = verify_mesh(mesh(), evidence(config_map(a="1"), config_map(a="2")), None)
    assert (finding.id, finding.objects[0].field) == ("object-differs", "data.a")


def test_skew() -> None:
    def with_proxy(version: str) -> MeshSnapshot:
        return mesh(deployment("web", replicas=1, version=version), version="1.26.0")

    def behind(version: str) -> int | None:
        snapshot = with_proxy(version)
        return minors_behind(snapshot, snapshot.workloads[0].pods[0])

    assert [behind(version) for version in ("1.26.4", "1.25.1", "1.24.0", "1.27.9", "latest")] == [0, 1, 2, -1, None]
    assert [(one.id, one.severity) for one in skew_findings(with_proxy("1.25.1"))] == [("proxy-one-minor-behind", "info")]
    assert [(one.id, one.severity) for one in skew_findings(with_proxy("1.24.0"))] == [("proxy-skew", "blocker")]
    assert [one.severity for one in skew_findings(with_proxy("1.27.9"))] == ["blocker"]


def test_a_tag_that_points_nowhere_and_a_webhook_that_nobody_answers() -> None:
    snapshot = mesh(tags=(tag("prod", "gone"),))
    assert ids(snapshot) == ["tag-points-nowhere"]
    assert ids(msgspec.structs.replace(snapshot, tags=(tag("prod", "default"),))) == []


def test_a_workload_and_a_service_of_the_mesh_that_do_not_serve() -> None:
    broken = msgspec.structs.replace(deployment("web"), ready=1)
    behind = VerificationEvidence((), (ServiceEvidence("shop/web", 0, (broken.ref,)),), ())
    assert ids(mesh(broken), behind) == ["service-without-endpoints", "workload-not-ready"]
    assert {one.severity for one in verify_mesh(mesh(broken), behind, None)} == {"blocker"}
    answering = VerificationEvidence((), (ServiceEvidence("shop/web", 1, (broken.ref,)),), ())
    assert ids(mesh(deployment("web")), answering) == []


def test_what_is_outside_of_the_mesh_is_not_judged() -> None:
    broken = msgspec.structs.replace(deployment("web", version="", labels={"sidecar.istio.io/inject": "false"}), ready=0)
    assert ids(mesh(broken)) == []


def test_differences_tell_named_list_members_apart() -> None:
    before: dict[str, Any] = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}], "ports": [1, 2]}
    after: dict[str, Any] = {"containers": [{"name": "b", "image": "2"}, {"name": "a", "image": "1"}], "ports": [2, 1]}
    assert list(changed_fields(before, after)) == ["containers[name=b].image", "ports"]
    assert list(changed_fields(before, before)) == []


def test_objects_added_changed_and_removed() -> None:
    old, new = config_map(a="1"), config_map(a="2")
    other = {**config_map(), "metadata": {"name": "d", "namespace": "n"}}
    assert [(one.object.name, one.change) for one in object_changes([old], [new, other])] == [("c", "change"), ("d", "add")]
    assert [(one.object.name, one.change) for one in object_changes([old, other], [old])] == [("d", "remove")]


def test_a_hop_is_judged_by_what_the_plan_has_come_to_with_it() -> None:
    hops = tuple(
        Hop(IstioVersion(1, minor, 0), IstioVersion(1, minor + 1, 0), "default", "default", restarts, "")
        for minor, restarts in ((24, True), (25, False), (26, True))
    )
    web = deployment("web", version="1.25.0")
    restart = Restart(web.ref, "rollout", "", 2, "1.24.0", "default")
    waves = tuple(
        RestartWave(id=f"wave-{hop}", title="", reason="", undo=RestartAgain(), hop=hop, wave=1, restarts=(restart,))
        for hop in (0, 2)
    )
    plan = msgspec.structs.replace(a_plan().plan, hops=hops, steps=waves)

    def blockers(version: str, hop: int | None) -> list[str]:
        found = verify_mesh(mesh(web, version=version), NOTHING, plan, hop)
        return [finding.id for finding in found if finding.severity == "blocker"]

    assert blockers("1.25.0", 0) == []
    assert blockers("1.26.0", 0) == ["control-plane-not-on-target"]
    assert blockers("1.26.0", 1) == [], "the data plane may be left behind for a hop"
    assert blockers("1.27.0", 2) == blockers("1.27.0", None) == ["proxy-skew", "proxy-skew", "workload-not-on-target"]


def by_istioctl(*, brought_on: tuple[str, ...]) -> MeshSnapshot:
    """Istioctl's at 1.26.0 but for some at 1.27.0."""
    components = tuple(
        one
        for component in ("Base", "Cni", "IngressGateways", "Pilot")
        for one in installed_components(GIVEN, "1.27.0" if component in brought_on else "1.26.0")
        if one.component == component
    )
    parts, workloads = component_parts(components)
    return mesh(
        *workloads,
        tags=(default_tag("1.26.0"),),
        components=parts,
        helm_releases=(),
        istioctl_components=components,
        control_planes=(control_plane("1.27.0" if "Pilot" in brought_on else "1.26.0"),),
    )


GIVEN = operator("cni", gateways=("ingressgateway",))


def test_what_istioctl_did_not_bring_on_is_named() -> None:
    known = Configurations(GIVEN, {("default", "1.26.0"): GIVEN})
    plan = plan_for(by_istioctl(brought_on=()), PlanOptions(strategy="in-place"), configurations=known).plan
    everything = ("Base", "Cni", "IngressGateways", "Pilot")

    def missing(*brought_on: str) -> list[str]:
        found = verify_mesh(by_istioctl(brought_on=brought_on), NOTHING, plan)
        return [one.message for one in found if one.id == "component-not-on-target"]

    assert missing(*everything) == []
    assert missing("Base", "Pilot", "IngressGateways") == ["Cni of istioctl, revision default, is not on 1.27.0"]


def test_a_workload_of_istioctl_that_is_not_ready_is_named() -> None:
    snapshot = by_istioctl(brought_on=())
    workloads = tuple(
        msgspec.structs.replace(one, ready=0) if one.ref.name == "istio-cni-node" else one for one in snapshot.workloads
    )
    found = verify_mesh(msgspec.structs.replace(snapshot, workloads=workloads), NOTHING, None)
    assert [str(one.objects[0].name) for one in found if one.id == "workload-not-ready"] == ["istio-cni-node"]
