"""The reasons not to remove a revision, one by one, and what is none."""

from typing import Any

import msgspec
import pytest

from resail.checks.connected import still_asked_for
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import ControlPlane, HelmRelease, MeshSnapshot, Webhook
from tests.plan.meshes import HELM, deployment, mesh, tag

HOOKS = "admissionregistration.k8s.io/v1"
OBJECTS: tuple[Manifest, ...] = (
    {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "istio-system", "name": "istiod"}},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "istio-system", "name": "istiod"}},
    {"apiVersion": HOOKS, "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "istio-validator-istio-system"}},
)
NEW = ControlPlane(ObjectRef("apps/v1", "Deployment", "istio-system", "istiod-new"), "new", "1.27.0", "i", 1, 1, HELM)


def told(*workloads: Any, **more: Any) -> tuple[str, ...]:
    made = mesh(*workloads, namespaces=more.pop("namespaces", {"shop": {"istio.io/rev": "new"}}), **more)
    snapshot: MeshSnapshot = msgspec.structs.replace(made, control_planes=(*made.control_planes, NEW))
    return still_asked_for(snapshot, "default", OBJECTS)


def moved(name: str = "web", **more: Any) -> Any:
    return deployment(name, revision="new", version="1.27.0", **more)


def calling(service: str, name: str = "istiod-default-validator") -> Webhook:
    return Webhook(ObjectRef(HOOKS, "ValidatingWebhookConfiguration", "", name), "default", "", service, ("Fail",), True, HELM)


def release(value: str, status: str = "deployed", kind: str = "DaemonSet") -> HelmRelease:
    template = {
        "spec": {"containers": [{"name": "istio-proxy", "env": [{"name": "XDS_ADDRESS", "value": value}, {"name": "X"}]}]}
    }
    objects: Manifest = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"namespace": "istio-system", "name": "ztunnel"},
        "spec": {"template": template},
    }
    return HelmRelease("ztunnel", "istio-system", "ztunnel", "1", "1", 1, status, {}, (objects,))


@pytest.mark.parametrize(
    "calm",
    [
        {},
        {"workloads": [moved()]},
        {"tags": (tag("prod", "new"),)},
        {"tags": (tag("default", "new"),), "namespaces": {"shop": {"istio-injection": "enabled"}}},
        {"namespaces": {"shop": {"istio-injection": "disabled"}}},
        {"webhooks": (calling("istio-system/istiod-new"),)},
        {"webhooks": (calling("istio-system/istiod", "istio-validator-istio-system"),)},
        {"helm_releases": (release("istiod-new.istio-system.svc:15012"),)},
        {"helm_releases": (release("istiod.istio-system.svc:15012", "uninstalled"),)},
        {"helm_releases": (release("my-istiod.istio-system.svc:15012"),)},
        {"helm_releases": (release("istiod.istio-system2.svc:15012"),)},
        {"workloads": [moved(labels={"sidecar.istio.io/inject": "false"})]},
        {"workloads": [deployment("plain", version="")]},
    ],
)
def test_nothing_speaks_against_it(calm: dict[str, Any]) -> None:
    assert told(*calm.pop("workloads", ()), **calm) == ()


@pytest.mark.parametrize(
    ("use", "says"),
    [
        ({"workloads": [deployment("web")]}, "2 pods of shop/Deployment/web have its sidecar (web-0, web-1)"),
        ({"tags": (tag("prod", "default"),)}, "tag prod points to it"),
        ({"namespaces": {"shop": {"istio-injection": "enabled"}}}, "namespace shop asks for it"),
        ({"namespaces": {"shop": {"istio.io/rev": "default"}}}, "namespace shop asks for it"),
        (
            {"workloads": [moved(labels={"istio.io/rev": "default"})], "namespaces": {}},
            "the pod template of shop/Deployment/web asks for it",
        ),
        (
            {"webhooks": (calling("istio-system/istiod"),)},
            "ValidatingWebhookConfiguration/istiod-default-validator calls istio-system/istiod",
        ),
        (
            {"helm_releases": (release("istiod.istio-system.svc:15012"),)},
            "istio-system/DaemonSet/ztunnel connects to Service istio-system/istiod",
        ),
        (
            {"helm_releases": (release("https://istiod.istio-system:15012"),)},
            "istio-system/DaemonSet/ztunnel connects to Service istio-system/istiod",
        ),
    ],
)
def test_something_does(use: dict[str, Any], says: str) -> None:
    assert told(*use.pop("workloads", ()), **use) == (says,)


def test_pods_that_have_ended_are_not_connected() -> None:
    job = deployment("job")
    ended = msgspec.structs.replace(job, pods=tuple(msgspec.structs.replace(pod, phase="Succeeded") for pod in job.pods))
    pending = msgspec.structs.replace(job, pods=tuple(msgspec.structs.replace(pod, phase="Pending") for pod in job.pods))
    assert told(ended) == ()
    assert told(pending) == ("2 pods of shop/Deployment/job have its sidecar (job-0, job-1)",)


@pytest.mark.parametrize("spec", [1, {"template": 1}, {"template": {"spec": 1}}, {"template": {"spec": {"containers": [1]}}}])
def test_an_object_of_another_shape_speaks_of_nothing(spec: Any) -> None:
    """Helm stores whatever a chart rendered."""
    odd = release("istiod.istio-system.svc:15012")
    objects = ({**odd.objects[0], "spec": spec},)
    assert told(helm_releases=(msgspec.structs.replace(odd, objects=objects),)) == ()
