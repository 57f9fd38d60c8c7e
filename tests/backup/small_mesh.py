"""A mesh with an object for each rule of what is backed up, and one beside it that is not the mesh's."""

from typing import Any

from resail.installers.helm_records import encode_release
from resail.installers.helm_storage import StoredRelease, as_helm_applies
from resail.models.identity import Manifest, ObjectRef

__all__ = ["LEFT", "OURS", "SECRETS", "VALUE", "everything", "named"]

VALUE = "dmVyeSBzZWNyZXQ="  # "very secret"
SYSTEM = "istio-system"
RBAC = "rbac.authorization.k8s.io/v1"
ADMISSION = "admissionregistration.k8s.io/v1"
GATEWAY_API = "gateway.networking.k8s.io/v1"
ISTIO = "networking.istio.io/v1"


def named(
    api_version: str,
    kind: str,
    name: str,
    namespace: str = "",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    owner: dict[str, Any] | None = None,
    **more: Any,
) -> Manifest:
    metadata = {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        **({"labels": labels} if labels else {}),
        **({"annotations": annotations} if annotations else {}),
        **({"ownerReferences": [{**owner, "uid": "of-the-owner"}]} if owner else {}),
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def crd(group: str, kind: str, plural: str, version: str, scope: str = "Namespaced") -> Manifest:
    versions = [{"name": version, "served": True, "storage": True}]
    spec = {"group": group, "names": {"kind": kind, "plural": plural}, "scope": scope, "versions": versions}
    return named("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", spec=spec)


def workload(
    name: str,
    namespace: str,
    pods: dict[str, str],
    kind: str = "Deployment",
    container: str = "istio-proxy",
    account: str = "",
    annotations: dict[str, str] | None = None,
    owner: dict[str, Any] | None = None,
    labels: dict[str, str] | None = None,
    **pod_spec: Any,
) -> Manifest:
    spec = {"containers": [{"name": container, "image": f"istio/{container}:1.26.0"}], **pod_spec}
    if account:
        spec["serviceAccountName"] = account
    template = {"metadata": {"labels": pods, "annotations": annotations or {}}, "spec": spec}
    described = {"selector": {"matchLabels": pods}, "template": template}
    return named("apps/v1", kind, name, namespace, labels=labels, owner=owner, spec=described)


def secret(name: str, namespace: str = SYSTEM, kind: str = "Opaque", **more: Any) -> Manifest:
    return named("v1", "Secret", name, namespace, type=kind, data={"key": VALUE}, **more)


def binding(name: str, namespace: str, subject: tuple[str, str], role: tuple[str, str], **more: Any) -> Manifest:
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    subjects = [{"kind": "ServiceAccount", "namespace": subject[0], "name": subject[1]}]
    return named(RBAC, kind, name, namespace, subjects=subjects, roleRef={"kind": role[0], "name": role[1]}, **more)


def webhook(name: str, namespace: str, labels: dict[str, str] | None = None) -> Manifest:
    client = {"service": {"namespace": namespace, "name": "answers"}, "caBundle": "Y2E="}
    return named(
        ADMISSION, "ValidatingWebhookConfiguration", name, labels=labels, webhooks=[{"name": "a.b.c", "clientConfig": client}]
    )


def release(name: str, chart: str, namespace: str, *objects: Manifest) -> Manifest:
    stored = StoredRelease(
        name=name,
        namespace=namespace,
        revision=1,
        status="deployed",
        chart=chart,
        chart_version="1.26.0",
        app_version="1.26.0",
        values={},
        objects=objects,
        apply_method="ssa",
        run="",
    )
    return encode_release(stored)


def budget(name: str, namespace: str, pods: dict[str, str]) -> Manifest:
    return named("policy/v1", "PodDisruptionBudget", name, namespace, spec={"selector": {"matchLabels": pods}})


def scaler(name: str, namespace: str, target: str) -> Manifest:
    spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}, "maxReplicas": 3}
    return named("autoscaling/v2", "HorizontalPodAutoscaler", name, namespace, spec=spec)


CNI = workload("istio-cni-node", "kube-system", {"k8s-app": "istio-cni-node"}, "DaemonSet", "install-cni", account="istio-cni")
CNI_CONFIG = named("v1", "ConfigMap", "istio-cni-config", "kube-system", data={"mode": "chained"})
CNI_ATTACHMENT = named("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", "istio-cni", "kube-system")
CNI_OLD_BUDGET = named("policy/v1beta1", "PodDisruptionBudget", "cni", "kube-system")  # as the chart has it; served as v1

EDGE = {"app": "edge", "istio": "edge"}
GATEWAY = workload(
    "edge",
    "edge",
    EDGE,
    account="edge",
    annotations={"inject.istio.io/templates": "gateway"},
    imagePullSecrets=[{"name": "pull"}],
    volumes=[{"name": "certs", "secret": {"secretName": "mounted"}}, {"name": "set", "configMap": {"name": "settings"}}],
)
BY_ISTIOD = {"apiVersion": GATEWAY_API, "kind": "Gateway", "name": "managed"}
SEALED = {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "cacerts", "controller": True}
CERTIFICATE = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "cacerts", "controller": True}
BY_SAIL = {"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "default", "controller": True}
BY_DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "istiod", "controller": True}

OURS = (
    named("v1", "Namespace", SYSTEM),
    named("v1", "Namespace", "edge", labels={"istio-injection": "enabled"}),
    # The mesh's own namespace: everything.
    workload("istiod", SYSTEM, {"app": "istiod"}, container="discovery", account="istiod", labels={"app": "istiod"}),
    workload("grafana", SYSTEM, {"app": "grafana"}, container="grafana"),
    workload("database", SYSTEM, {"app": "database"}, kind="StatefulSet", container="database"),
    named(
        "v1", "Service", "istiod", SYSTEM, labels={"app": "istiod"}, spec={"clusterIP": "10.0.0.9", "selector": {"app": "istiod"}}
    ),
    named("v1", "ServiceAccount", "istiod", SYSTEM),
    named("v1", "ConfigMap", "istio", SYSTEM, data={"mesh": "{}"}),
    named(RBAC, "Role", "istiod", SYSTEM, rules=[]),
    binding("istiod", SYSTEM, (SYSTEM, "istiod"), ("Role", "istiod")),
    scaler("istiod", SYSTEM, "istiod"),
    budget("istiod", SYSTEM, {"app": "istiod"}),
    named("networking.k8s.io/v1", "NetworkPolicy", "all", SYSTEM, spec={"podSelector": {}}),
    named("networking.k8s.io/v1", "Ingress", "in", SYSTEM, spec={}),
    named("v1", "ResourceQuota", "quota", SYSTEM, spec={}),
    named("v1", "LimitRange", "limits", SYSTEM, spec={}),
    # A gateway by plain manifests, and what goes with it.
    GATEWAY,
    named("v1", "ServiceAccount", "edge", "edge", imagePullSecrets=[{"name": "pull-by-account"}]),
    named("v1", "Service", "edge", "edge", spec={"selector": {"istio": "edge"}}),
    named("v1", "ConfigMap", "settings", "edge", data={}),
    scaler("edge", "edge", "edge"),
    budget("edge", "edge", {"app": "edge"}),
    named("networking.k8s.io/v1", "NetworkPolicy", "edge", "edge", spec={"podSelector": {"matchLabels": {"app": "edge"}}}),
    named(RBAC, "Role", "edge-reads", "edge", rules=[]),
    binding("edge-reads", "edge", ("edge", "edge"), ("Role", "edge-reads")),
    # The CNI plugin in a namespace of the cluster's, by Helm.
    as_helm_applies(CNI, "cni", "kube-system"),
    as_helm_applies(CNI_CONFIG, "cni", "kube-system"),
    as_helm_applies(CNI_ATTACHMENT, "cni", "kube-system"),
    {**CNI_OLD_BUDGET, "apiVersion": "policy/v1", "spec": {}},
    named("v1", "ServiceAccount", "istio-cni", "kube-system"),
    named(RBAC, "ClusterRole", "istio-cni", rules=[]),
    binding("istio-cni", "", ("kube-system", "istio-cni"), ("ClusterRole", "istio-cni")),
    # Of the whole cluster.
    named(RBAC, "ClusterRole", "istiod", rules=[]),
    binding("istiod", "", (SYSTEM, "istiod"), ("ClusterRole", "istiod")),
    named(
        RBAC,
        "ClusterRoleBinding",
        "all-of-it",
        subjects=[{"kind": "Group", "name": f"system:serviceaccounts:{SYSTEM}"}],
        roleRef={"kind": "ClusterRole", "name": "view"},
    ),
    named(RBAC, "ClusterRole", "by-istioctl", labels={"operator.istio.io/component": "Pilot"}, rules=[]),
    named(RBAC, "ClusterRole", "part", labels={"app.kubernetes.io/part-of": "istio"}, rules=[]),
    webhook("istio-validator", SYSTEM),
    webhook("of-another-cluster", "elsewhere", labels={"istio.io/rev": "default"}),
    named(
        ADMISSION, "ValidatingAdmissionPolicy", "safe-upgrades", annotations={"gateway.networking.k8s.io/bundle-version": "v1.4"}
    ),
    # Custom resources of others in the mesh's own namespace.
    named("cert-manager.io/v1", "Certificate", "cacerts", SYSTEM, spec={}),
    # Custom resources, wherever they are, and their kinds.
    crd("networking.istio.io", "VirtualService", "virtualservices", "v1"),
    crd("networking.istio.io", "Gateway", "gateways", "v1"),
    crd("gateway.networking.k8s.io", "Gateway", "gateways", "v1"),
    crd("gateway.networking.k8s.io", "GatewayClass", "gatewayclasses", "v1", scope="Cluster"),
    named(ISTIO, "VirtualService", "reviews", "shop", spec={}),
    named(ISTIO, "VirtualService", "canary", "shop", owner={**SEALED, "kind": "Canary", "apiVersion": "flagger.app/v1"}, spec={}),
    named(
        ISTIO,
        "Gateway",
        "edge",
        "shop",
        spec={"selector": EDGE, "servers": [{"tls": {"credentialName": "served"}}, {"tls": {"mode": "PASSTHROUGH"}}]},
    ),
    named(GATEWAY_API, "GatewayClass", "istio", spec={"controllerName": "istio.io/gateway-controller"}),
    named(GATEWAY_API, "GatewayClass", "other", spec={"controllerName": "example.com/gateway-controller"}),
    named(
        GATEWAY_API,
        "Gateway",
        "managed",
        "shop",
        spec={"gatewayClassName": "istio", "listeners": [{"tls": {"certificateRefs": [{"name": "listened"}]}}]},
    ),
    named(
        GATEWAY_API,
        "Gateway",
        "of-another",
        "shop",
        spec={"gatewayClassName": "other", "listeners": [{"tls": {"certificateRefs": [{"name": "not-ours"}]}}]},
    ),
)
"""Kept, with or without Secrets."""

SECRETS = (
    secret("cacerts", owner=SEALED),
    secret("west", labels={"istio/multiCluster": "true"}),
    secret("whatever"),
    release("istiod", "istiod", SYSTEM),
    release("kiali", "kiali-server", SYSTEM),
    release("cni", "cni", "kube-system", CNI, CNI_CONFIG, CNI_ATTACHMENT, CNI_OLD_BUDGET),
    secret("pull", "edge"),
    secret("pull-by-account", "edge"),
    secret("mounted", "edge"),
    secret("served", "edge"),
    secret("served-cacert", "edge"),
    secret("listened", "shop"),
    named(
        "v1", "ConfigMap", "kept-by-helm.v1", SYSTEM, labels={"owner": "helm", "name": "kept-by-helm"}, data={"release": VALUE}
    ),
)
"""Kept with their values, or left out and named."""

LEFT = (
    named("v1", "Namespace", "kube-system") | {"metadata": {"name": "kube-system", "uid": "of-the-cluster"}},
    named("v1", "Namespace", "shop", labels={"istio.io/rev": "default", "team": "a"}),
    # Made again by who owns them, or in every namespace.
    named("v1", "ConfigMap", "kube-root-ca.crt", SYSTEM, data={}),
    named("v1", "ConfigMap", "istio-ca-root-cert", SYSTEM, labels={"istio.io/config": "true"}, data={}),
    named("v1", "ConfigMap", "istio-leader", SYSTEM, annotations={"control-plane.alpha.kubernetes.io/leader": "{}"}, data={}),
    named("v1", "ConfigMap", "resail-r-1", SYSTEM, labels={"resail.dev/part": "log"}, data={}),
    named("v1", "ConfigMap", "of-a-deployment", SYSTEM, owner=BY_DEPLOYMENT, data={}),
    named("v1", "Service", "of-sail", SYSTEM, owner=BY_SAIL, spec={}),
    workload("managed-istio", "shop", {"app": "managed"}, labels={"gateway.istio.io/managed": "istio.io-gateway-controller"}),
    named("v1", "Service", "managed-istio", "shop", owner=BY_ISTIOD, spec={}),
    named("v1", "ServiceAccount", "managed-istio", "shop", owner=BY_ISTIOD),
    secret("token", kind="kubernetes.io/service-account-token"),
    # Near misses.
    named("v1", "ConfigMap", "kube-proxy", "kube-system", data={}),
    named("v1", "Service", "all-pods", "edge", spec={}),
    named("v1", "ServiceAccount", "default", "edge"),
    named("v1", "Service", "reviews", "edge", spec={"selector": {"app": "reviews"}}),
    named("networking.k8s.io/v1", "NetworkPolicy", "all", "edge", spec={"podSelector": {}}),
    scaler("reviews", "edge", "reviews"),
    budget("reviews", "edge", {"app": "reviews"}),
    workload("reviews", "edge", {"app": "reviews", "sidecar.istio.io/inject": "true"}, container="reviews"),
    named("v1", "Service", "edge", "shop", spec={"selector": {"istio": "edge"}}, labels={"istio.io/use-waypoint": "way"}),
    named(RBAC, "ClusterRole", "view", labels={"kubernetes.io/bootstrapping": "rbac-defaults"}, rules=[]),
    binding("system:istiod", "", (SYSTEM, "istiod"), ("ClusterRole", "view")),
    named(RBAC, "ClusterRole", "others", rules=[]),
    binding("others", "", ("shop", "istiod"), ("ClusterRole", "others")),
    webhook("others", "shop"),
    crd("example.com", "VirtualService", "virtualservices", "v1"),
    crd("helm.toolkit.fluxcd.io", "HelmRelease", "helmreleases", "v2"),
    named("helm.toolkit.fluxcd.io/v2", "HelmRelease", "shop", "shop", spec={}),
    crd("cert-manager.io", "Certificate", "certificates", "v1"),
    crd("cert-manager.io", "CertificateRequest", "certificaterequests", "v1"),
    named("cert-manager.io/v1", "Certificate", "shop", "shop", spec={}),
    named("cert-manager.io/v1", "CertificateRequest", "cacerts-1", SYSTEM, owner=CERTIFICATE, spec={}),
    secret("not-ours", "shop"),
    secret("password", "edge"),
    secret("served", "shop"),
    release("shop", "shop", "shop"),
)
"""Not kept."""


def everything() -> list[Manifest]:
    """All of them, no two of one name."""
    objects = [*OURS, *SECRETS, *LEFT]
    assert len({ObjectRef.of(one) for one in objects}) == len(objects)
    return objects
