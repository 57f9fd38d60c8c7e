"""The shop's objects, from a table: a dozen services over five namespaces, each there for a reason."""

from typing import Any

from resail.models.identity import Manifest

__all__ = ["INGRESS", "namespaces", "workloads"]

INGRESS = "ingress"
"""The gateway's namespace."""

_REGISTRY = "registry.example.com/shop"

_OWN_REVISION = "(of the mesh)"

_NAMESPACES: dict[str, dict[str, str]] = {
    INGRESS: {"istio.io/rev": "prod-stable"},
    "storefront": {"istio-injection": "enabled"},
    "checkout": {"istio.io/rev": "prod-stable"},
    "warehouse": {"istio.io/rev": _OWN_REVISION},
    "platform": {"istio.io/rev": "prod-stable"},
    "legacy": {},
}
"""Served by the tag ``default``, by a tag, by a revision's name; ``legacy`` is outside the mesh."""


def namespaces(revision: str) -> list[Manifest]:
    """All namespaces of the shop, in a mesh of this revision."""

    def labels_of(name: str) -> dict[str, str]:
        return {key: revision if value == _OWN_REVISION else value for key, value in _NAMESPACES[name].items()}

    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels_of(name)}} for name in _NAMESPACES
    ]


def workloads() -> list[Manifest]:
    """Everything in them."""
    return [
        *_deployment("storefront", "web", replicas=3),
        *_deployment("storefront", "catalog", replicas=2),
        # Takes long to get ready: a wave must wait for it.
        *_deployment("storefront", "search", replicas=2, annotations={"testbed.resail.dev/ready-after": "5s"}),
        _autoscaler("storefront", "web", 3, 6),
        *_deployment("checkout", "cart", replicas=2),
        # Its budget allows one pod to be away, and its strategy would take two: it must be evicted pod by pod.
        *_deployment("checkout", "payment", replicas=3, strategy=_rolling(unavailable=2, surge=0)),
        _budget("checkout", "payment", {"minAvailable": 2}),
        # Its budget allows no pod to be away, and its strategy brings a new one up first: it can roll.
        *_deployment("checkout", "ledger", replicas=2, strategy=_rolling(unavailable=0, surge=1)),
        _budget("checkout", "ledger", {"minAvailable": "100%"}),
        _stateful_set("checkout", "orders", replicas=3),
        *_deployment("warehouse", "stock", replicas=2),
        *_deployment("warehouse", "picking", replicas=1),
        # At night: a Job in the middle of a run would be one more workload.
        _cron_job("warehouse", "inventory", "15 3 * * *"),
        _daemon_set("platform", "log-shipper"),
        # Opts out of the mesh.
        *_deployment("platform", "metrics", replicas=1, labels={"sidecar.istio.io/inject": "false"}),
        *_deployment("legacy", "billing", replicas=2),
        *_istio_objects(),
    ]


def _metadata(namespace: str, name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "labels": {"app": name, **(labels or {})}}


def _template(name: str, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    container = {
        "name": name,
        "image": f"{_REGISTRY}/{name}:2.4.1",
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
    }
    metadata: dict[str, Any] = {"labels": {"app": name, "version": "v1", **(labels or {})}}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": {"containers": [container]}}


def _rolling(*, unavailable: int, surge: int) -> dict[str, Any]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}


def _deployment(
    namespace: str,
    name: str,
    *,
    replicas: int,
    strategy: dict[str, Any] | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> list[Manifest]:
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": _template(name, labels, annotations),
    }
    if strategy:
        spec["strategy"] = strategy
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(namespace, name), "spec": spec}
    return [deployment, _service(namespace, name)]


def _service(namespace: str, name: str, **spec: Any) -> Manifest:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(namespace, name),
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }


def _stateful_set(namespace: str, name: str, *, replicas: int) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _metadata(namespace, name),
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": _template(name),
        },
    }


def _daemon_set(namespace: str, name: str) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": _metadata(namespace, name),
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": _template(name)},
    }


def _cron_job(namespace: str, name: str, schedule: str) -> Manifest:
    template = _template(name)
    template["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": _metadata(namespace, name),
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": template}}},
    }


def _budget(namespace: str, name: str, bound: dict[str, Any]) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(namespace, name),
        "spec": {"selector": {"matchLabels": {"app": name}}, **bound},
    }


def _autoscaler(namespace: str, name: str, least: int, most: int) -> Manifest:
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(namespace, name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": resource}],
        },
    }


def _istio_objects() -> list[Manifest]:
    hosts = ["shop.example.com"]
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts}
    route = {"route": [{"destination": {"host": "web.storefront.svc.cluster.local"}}]}
    return [
        _istio("networking.istio.io/v1", "Gateway", INGRESS, "shop", {"selector": {"istio": "gateway"}, "servers": [server]}),
        _istio(
            "networking.istio.io/v1",
            "VirtualService",
            "storefront",
            "shop",
            {"hosts": hosts, "gateways": [f"{INGRESS}/shop"], "http": [route]},
        ),
        _istio(
            "networking.istio.io/v1",
            "DestinationRule",
            "checkout",
            "payment",
            {"host": "payment", "trafficPolicy": {"outlierDetection": {"consecutive5xxErrors": 5}}},
        ),
        _istio("security.istio.io/v1", "PeerAuthentication", "checkout", "strict", {"mtls": {"mode": "STRICT"}}),
        _istio("telemetry.istio.io/v1", "Telemetry", "istio-system", "access-logs", {"accessLogging": [{"disabled": True}]}),
    ]


def _istio(api_version: str, kind: str, namespace: str, name: str, spec: dict[str, Any]) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}
