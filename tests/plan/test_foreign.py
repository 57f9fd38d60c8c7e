"""What others manage is refused where the plan would write it, and nowhere else."""

from typing import Any

import pytest

from resail.errors import BlockedError
from resail.models.identity import ObjectRef
from resail.models.plan import LabelNamespace
from resail.models.snapshot import Component, ControlPlane, ForeignManager, MeshSnapshot, Ownership
from resail.plan.options import PlanOptions
from tests.plan.charts import installed, plan_for
from tests.plan.meshes import deployment, mesh, tag

APPS = "apps/v1"
ISTIOD = ObjectRef(APPS, "Deployment", "istio-system", "istiod")
CNI = ObjectRef(APPS, "DaemonSet", "istio-system", "cni")
HOOK = ObjectRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", "istio-revision-tag-prod")
IN_PLACE, CANARY = PlanOptions(strategy="in-place"), PlanOptions(strategy="canary")


def managed(ref: ObjectRef, reach: Any = "object", release: str = "") -> ForeignManager:
    return ForeignManager("Argo CD", ref, "metadata.annotations.argocd.argoproj.io/tracking-id", "it", reach, release)


def meshed(*managers: ForeignManager, **more: Any) -> MeshSnapshot:
    releases = (installed("istiod", "istiod", "1.26.0"), installed("cni", "cni", "1.26.0"))
    return mesh(deployment("web"), **{"helm_releases": releases, "foreign_managers": managers, **more})


@pytest.mark.parametrize(
    "one",
    [
        managed(ISTIOD),
        managed(CNI),
        managed(ObjectRef("helm.toolkit.fluxcd.io/v2", "HelmRelease", "flux-system", "cni"), release="istio-system/cni"),
        managed(ObjectRef("v1", "Secret", "istio-system", "other"), reach="mesh"),
    ],
)
def test_what_the_plan_would_write_is_refused_with_the_evidence(one: ForeignManager) -> None:
    with pytest.raises(BlockedError) as refused:
        plan_for(meshed(one), IN_PLACE)
    assert f"{one.object} has {one.field}: it" in str(refused.value)


@pytest.mark.parametrize(
    "one",
    [
        managed(ObjectRef(APPS, "Deployment", "shop", "web")),
        managed(ObjectRef("helm.toolkit.fluxcd.io/v2", "HelmRelease", "flux-system", "web"), release="shop/web"),
        managed(ISTIOD, reach="nothing"),
        managed(ObjectRef("v1", "Namespace", "", "shop")),
    ],
)
def test_what_the_plan_leaves_alone_does_not_block(one: ForeignManager) -> None:
    assert plan_for(meshed(one), IN_PLACE).plan.steps


def test_a_namespace_that_others_manage_is_not_labelled() -> None:
    shop = ObjectRef("v1", "Namespace", "", "shop")
    plan = plan_for(meshed(managed(shop)), CANARY).plan
    assert [step.namespace for step in plan.steps if isinstance(step, LabelNamespace)] == ["shop"]
    (blocker,) = [finding for finding in plan.findings if finding.severity == "blocker"]
    assert (blocker.id, blocker.objects[0].name) == ("namespace-managed-by-others", "shop")
    other = plan_for(meshed(managed(ObjectRef("v1", "Namespace", "", "bank"))), CANARY).plan
    assert [finding for finding in other.findings if finding.severity == "blocker"] == []


MIXED = Ownership("mixed", "", "Deployment/istiod: helm; MutatingWebhookConfiguration/x: istioctl")


def test_a_control_plane_whose_objects_disagree_is_refused() -> None:
    plane = ControlPlane(ISTIOD, "default", "1.26.0", "docker.io/istio/pilot:1.26.0", 1, 1, MIXED)
    with pytest.raises(BlockedError, match=r"not clear who owns it.*MutatingWebhookConfiguration/x: istioctl"):
        plan_for(meshed(control_planes=(plane,)), IN_PLACE)


def test_a_component_whose_marks_disagree_is_refused_where_the_plan_writes_it() -> None:
    def with_cni(name: str) -> MeshSnapshot:
        ref = ObjectRef(APPS, "DaemonSet", "istio-system", name)
        return meshed(components=(Component("cni", ref, "1.26.0", "", MIXED),))

    with pytest.raises(BlockedError, match="not clear who owns it"):
        plan_for(with_cni("cni"), IN_PLACE)
    assert plan_for(with_cni("other-cni"), IN_PLACE).plan.steps


def test_what_could_not_be_read_is_a_warning() -> None:
    plan = plan_for(meshed(unread=("HelmRelease",), tags=(tag("prod", "default"),)), IN_PLACE).plan
    (finding,) = [finding for finding in plan.findings if finding.id == "foreign-managers-unread"]
    assert finding.severity == "warning" and "HelmRelease" in finding.message
