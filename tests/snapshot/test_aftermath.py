"""What a hop leaves, foretold."""

import msgspec

from resail.models.identity import IstioVersion, ObjectRef
from resail.models.snapshot import Component, MeshSnapshot, Ownership, Webhook, Workload
from resail.plan.options import PlanOptions
from resail.plan.path import Leg
from resail.snapshot.aftermath import aftermath
from tests.plan.charts import TARGET, hops_for, installed
from tests.plan.meshes import HELM, NOBODY, deployment, mesh, tag

OLD = IstioVersion(1, 26, 0)
VALIDATOR = ObjectRef("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "istiod-default-validator")


def a_mesh() -> MeshSnapshot:
    cni = Component("cni", ObjectRef("apps/v1", "DaemonSet", "istio-system", "cni"), "1.26.0", "", HELM)
    waypoint = deployment("waypoint", namespace="tagged")
    managed = Component("waypoint", waypoint.ref, "1.26.0", "docker.io/istio/proxyv2:1.26.0", NOBODY, managed_by_istiod=True)
    releases = (
        installed("base", "base", "1.26.0", 3),
        installed("cni", "cni", "1.26.0"),
        installed("istiod", "istiod", "1.26.0", 2),
        installed("gateway", "ingress", "1.26.0"),
    )
    return mesh(
        deployment("web"),
        deployment("paused", paused=True),
        deployment("plain", version="", labels={"sidecar.istio.io/inject": "false"}),
        deployment("by-tag", namespace="tagged"),
        deployment("ingress", namespace="istio-system"),
        waypoint,
        namespaces={"shop": {"istio-injection": "enabled"}, "tagged": {"istio.io/rev": "prod"}},
        tags=(tag("prod", "default"),),
        components=tuple(sorted((cni, managed), key=lambda part: part.workload)),
        helm_releases=releases,
        webhooks=(Webhook(VALIDATOR, "default", "", "istio-system/istiod", ("Fail",), True, HELM),),
    )


def left(snapshot: MeshSnapshot, strategy: PlanOptions, *, restarts: bool = True) -> MeshSnapshot:
    (hop,) = hops_for(snapshot, [Leg(OLD, TARGET, OLD, restarts)], strategy)
    return aftermath(snapshot, hop.hop, hop.steps, hop.manifests)


def proxies(snapshot: MeshSnapshot) -> dict[str, set[tuple[str, str]]]:
    return {one.ref.name: {(pod.proxy_version, pod.revision) for pod in one.pods} for one in snapshot.workloads if one.pods}


def releases(snapshot: MeshSnapshot) -> dict[str, tuple[int, str]]:
    return {one.name: (one.revision, one.chart_version) for one in snapshot.helm_releases}


def test_in_place() -> None:
    after = left(a_mesh(), PlanOptions(strategy="in-place"))
    assert [(one.revision, one.version) for one in after.control_planes] == [("default", "1.27.0")]
    assert releases(after) == {"base": (4, "1.27.0"), "cni": (2, "1.27.0"), "istiod": (3, "1.27.0"), "ingress": (2, "1.27.0")}
    new, old = {("1.27.0", "default")}, {("1.26.0", "default")}
    moved = proxies(after)
    assert moved == {"web": new, "paused": old, "plain": {("", "")}, "by-tag": new, "ingress": new, "waypoint": new}
    assert {pod.proxy_image for one in after.workloads for pod in one.pods if one.ref.name == "web"} == {
        "docker.io/istio/proxyv2:1.27.0"
    }
    assert {part.role: part.version for part in after.components} == {"cni": "1.27.0", "waypoint": "1.27.0"}
    assert after.tags == a_mesh().tags


def test_a_control_plane_that_goes_ahead_leaves_what_it_serves() -> None:
    after = left(a_mesh(), PlanOptions(strategy="in-place"), restarts=False)
    assert [one.version for one in after.control_planes] == ["1.27.0"]
    assert releases(after) == {"base": (4, "1.27.0"), "cni": (1, "1.26.0"), "istiod": (3, "1.27.0"), "ingress": (1, "1.26.0")}
    # istiod rolls what it manages as soon as it is upgraded.
    moved = {name for name, found in proxies(after).items() if found == {("1.27.0", "default")}}
    assert moved == {"waypoint"}


def test_canary() -> None:
    after = left(a_mesh(), PlanOptions(strategy="canary"))
    planes = {one.revision: (one.version, one.deployment.name, one.owner.release) for one in after.control_planes}
    assert planes == {
        "default": ("1.26.0", "istiod", "istio-system/istiod"),
        "1-27-0": ("1.27.0", "istiod-1-27-0", "istio-system/istiod-1-27-0"),
    }
    assert releases(after)["istiod-1-27-0"] == (1, "1.27.0")
    assert releases(after)["istiod"] == (2, "1.26.0")
    assert [(one.tag, one.revision) for one in after.tags] == [("prod", "1-27-0")]
    hooks = {one.ref.name: (one.revision, one.tag) for one in after.webhooks}
    assert hooks["istio-revision-tag-prod"] == ("1-27-0", "prod")
    assert {one.name: one.labels for one in after.namespaces} == {
        "shop": {"istio.io/rev": "1-27-0"},
        "tagged": {"istio.io/rev": "prod"},
    }
    new, old = {("1.27.0", "1-27-0")}, {("1.26.0", "default")}
    moved = proxies(after)
    assert moved == {"web": new, "paused": old, "plain": {("", "")}, "by-tag": new, "ingress": new, "waypoint": new}
    added = {one.ref.name for one in after.workloads} - {one.ref.name for one in a_mesh().workloads}
    assert added == {"istiod-1-27-0", "cni"}


def test_what_a_release_no_longer_renders_is_gone() -> None:
    before = a_mesh()
    (istiod,) = (one for one in before.helm_releases if one.name == "istiod")
    hook = {"apiVersion": VALIDATOR.api_version, "kind": VALIDATOR.kind, "metadata": {"name": VALIDATOR.name}}
    longer = msgspec.structs.replace(istiod, objects=(*istiod.objects, hook))
    others = tuple(one for one in before.helm_releases if one.name != "istiod")
    before = msgspec.structs.replace(before, helm_releases=(*others, longer))
    assert VALIDATOR in {one.ref for one in before.webhooks}
    after = left(before, PlanOptions(strategy="in-place"))
    assert {one.ref.name for one in after.webhooks} == {"istio-sidecar-injector-default"}


def test_values_stay_and_istiod_closes_the_validator_again() -> None:
    base = installed("base", "base", "1.26.0", defaultRevision="default", team="mesh")
    others = tuple(one for one in a_mesh().helm_releases if one.name != "base")
    hooks = (Webhook(VALIDATOR, "default", "", "istio-system/istiod", ("Fail",), True, Ownership("helm", base.key)),)
    before = msgspec.structs.replace(a_mesh(), helm_releases=(base, *others), webhooks=hooks)
    after = left(before, PlanOptions(strategy="canary"))
    (release,) = (one for one in after.helm_releases if one.name == "base")
    # Upgraded, and then again for the validator.
    assert (release.revision, release.values) == (3, {"defaultRevision": "1-27-0", "team": "mesh"})
    (hook,) = (one for one in after.webhooks if one.ref == VALIDATOR)
    assert (hook.revision, hook.failure_policies, hook.has_ca_bundle) == ("1-27-0", ("Fail",), True)
    assert hook.owner.release == "istio-system/base"


def test_the_order_is_that_of_a_capture() -> None:
    after = left(a_mesh(), PlanOptions(strategy="canary"))
    assert list(after.control_planes) == sorted(after.control_planes, key=lambda one: one.deployment)
    workloads: list[Workload] = list(after.workloads)
    assert workloads == sorted(workloads, key=lambda one: one.ref)
    assert list(after.webhooks) == sorted(after.webhooks, key=lambda one: one.ref)
