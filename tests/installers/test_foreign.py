"""Who else manages a mesh: for each sign a set of objects, and a near miss that differs in one field."""

from typing import Any

import msgspec
import pytest

from resail.installers.foreign import FluxRelease, Seen, ServiceSeen, foreign_managers
from resail.models.identity import Manifest, ObjectRef

HOOKS = "admissionregistration.k8s.io/v1"
SERVICE = ObjectRef("v1", "Service", "istio-system", "istiod")


def istiod(namespace: str = "istio-system", **metadata: Any) -> Manifest:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "istiod", "namespace": namespace, **metadata}}


def webhook(client: dict[str, Any], kind: str = "MutatingWebhookConfiguration", revision: str = "default") -> Manifest:
    metadata = {"name": "injector", "labels": {"istio.io/rev": revision}}
    return {"apiVersion": HOOKS, "kind": kind, "metadata": metadata, "webhooks": [{"name": "x", "clientConfig": client}]}


def seen(*objects: Manifest, **more: Any) -> Seen:
    istiods = tuple(one for one in objects if one["kind"] == "Deployment")
    return Seen(**{"objects": objects, "istiods": istiods, "deployments": istiods, **more})


def written_by(manager: str) -> Seen:
    return seen(istiod(managedFields=[{"manager": "helm"}, {"manager": manager}]))


def tracked(identity: str) -> Seen:
    return seen(istiod(annotations={"argocd.argoproj.io/tracking-id": identity}))


def labelled(**labels: str) -> Seen:
    return seen(istiod(labels=labels))


def elsewhere(kind: str) -> tuple[ObjectRef, ...]:
    return (ObjectRef("some.group/v1", kind, "istio-system", "one"),)


HERE = {"service": {"namespace": "istio-system", "name": "istiod"}}
THERE = {"url": "https://istiod.example.com:15017/inject"}
AKS = {"service": {"namespace": "aks-istio-system", "name": "istiod-asm-1-27"}}


@pytest.mark.parametrize(
    ("manager", "reach", "sign", "near_miss"),
    [
        (
            "Argo CD",
            "object",
            tracked("app:apps/Deployment:istio-system/istiod"),
            tracked("app:apps/Deployment:istio-system/x"),
        ),
        (
            "Argo CD",
            "object",
            labelled(**{"argocd.argoproj.io/instance": "x"}),
            labelled(**{"app.kubernetes.io/instance": "x"}),
        ),
        ("Argo CD", "object", written_by("argocd-controller"), written_by("argocd")),
        ("Flux", "object", labelled(**{"helm.toolkit.fluxcd.io/name": "x"}), labelled(**{"helm.sh/chart": "x"})),
        (
            "Flux",
            "object",
            labelled(**{"kustomize.toolkit.fluxcd.io/name": "x"}),
            labelled(**{"kustomize.config.k8s.io": "x"}),
        ),
        (
            "Flux",
            "object",
            seen(flux_releases=(FluxRelease(elsewhere("HelmRelease")[0], "istio-system/istiod"),)),
            seen(),
        ),
        ("AKS add-on", "mesh", seen(istiod("aks-istio-system")), seen(istiod(labels={"istio.io/rev": "asm-1-27"}))),
        ("AKS add-on", "mesh", seen(istiod(), webhook(AKS)), seen(istiod(), webhook(HERE))),
        ("Google Cloud Service Mesh", "mesh", seen(google_revisions=elsewhere("ControlPlaneRevision")), seen()),
        (
            "Google Cloud Service Mesh",
            "mesh",
            seen(webhook(THERE, revision="asm-managed-rapid")),
            seen(istiod(), webhook(HERE, revision="asm-managed-rapid")),
        ),
        ("OpenShift Service Mesh 2", "mesh", labelled(**{"maistra.io/owner": "x"}), labelled(**{"maistra.io/expose-route": "x"})),
        ("OpenShift Service Mesh 2", "mesh", seen(maistra_control_planes=elsewhere("ServiceMeshControlPlane")), seen()),
        (
            "OpenShift Service Mesh 3 (the Sail Operator)",
            "nothing",
            labelled(**{"olm.owner": "servicemeshoperator3.v3.1.0"}),
            labelled(**{"olm.owner": "servicemeshoperator.v2.6.0"}),
        ),
        ("external istiod", "mesh", seen(webhook(THERE)), seen(webhook(HERE))),
        ("external istiod", "mesh", seen(webhook(THERE)), seen(webhook(THERE, "ValidatingWebhookConfiguration"))),
        (
            "external istiod",
            "mesh",
            seen(istiod(), services=(ServiceSeen(SERVICE, selects=False),)),
            seen(istiod(), services=(ServiceSeen(SERVICE, selects=True),)),
        ),
        (
            "external istiod",
            "mesh",
            seen(services=(ServiceSeen(SERVICE, selects=True),)),
            seen(istiod(), services=(ServiceSeen(SERVICE, selects=True),)),
        ),
        ("mesh of several clusters", "mesh", seen(istiod(), remote_secrets=elsewhere("Secret")), seen(istiod())),
    ],
)
def test_a_sign_and_its_near_miss(manager: str, reach: str, sign: Seen, near_miss: Seen) -> None:
    (found,) = foreign_managers(sign)
    assert (found.manager, found.reach) == (manager, reach)
    assert found.object.name and found.field and found.value
    assert manager not in {one.manager for one in foreign_managers(near_miss)}


def test_what_is_not_istios_counts_only_where_it_is_an_operator_of_istio() -> None:
    """An application under Argo CD is no part of the mesh that a plan writes."""
    application = written_by("argocd-controller").objects
    assert foreign_managers(msgspec.structs.replace(seen(istiod()), deployments=application)) == ()
