"""A mesh of two namespaces and two workloads on a twin, of charts so small that Helm is not needed to render them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from resail.installers.rendered import RenderedInstaller
from resail.models.identity import Manifest
from resail.models.plan import HelmChange
from resail.models.rendering import ChartFacts, RenderRequest
from resail.releases.interface import Renderer
from resail.testbed.mesh.install import wait_until_ready
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loop import run

__all__ = [
    "FROM",
    "TO",
    "budget",
    "injector",
    "istiod",
    "make_mesh",
    "namespace",
    "node",
    "open_small_charts",
    "role",
    "service",
    "settings",
    "small_object",
    "validator",
    "workload",
]

FROM, TO = "1.26.0", "1.27.9"

_SYSTEM = "istio-system"
_WEBHOOKS = "admissionregistration.k8s.io/v1"
_DEFAULTS = {
    "revision": "",
    "revisionTags": [],
    "defaultRevision": "",
    "base": {"validationFailurePolicy": ""},
}


class _SmallCharts:
    """Implements ``Renderer``: what the charts have that an upgrade deals with, by their rules."""

    async def render(self, release_directory: Path, request: RenderRequest) -> tuple[Manifest, ...]:
        return _render(request.chart, request.values, release_directory.name)

    async def facts(self, release_directory: Path, chart: str) -> ChartFacts:
        return ChartFacts(chart, release_directory.name, _DEFAULTS)


@asynccontextmanager
async def open_small_charts() -> AsyncIterator[Renderer]:
    """As ``open_renderer``."""
    yield _SmallCharts()


def make_mesh(path: Path) -> None:
    """A new twin with the mesh on it, all pods ready."""

    async def make() -> None:
        async with open_twin(path) as twin:
            await _install(twin)

    run(make())


async def _install(twin: TwinCluster) -> None:
    installer = RenderedInstaller(twin, twin)
    for manifest in (node(), *map(namespace, (_SYSTEM, "front", "back"), ({}, _BY_DEFAULT, _BY_REVISION))):
        await twin.apply(manifest, manager="kubectl")
    for release, chart, values in (("base", "base", {"defaultRevision": "1-26-0"}), ("istiod", "istiod", {"revision": "1-26-0"})):
        change = HelmChange(release, _SYSTEM, chart, "install", "", FROM, values, "", ())
        await installer.apply(change, _render(chart, values, FROM), Path("none"), run="")
    await wait_until_ready(twin)
    await twin.apply(injector("1-26-0", "default"), manager="kubectl")
    await twin.clock.sleep(1)
    # One that can roll, and one whose strategy would take more pods than its budget lets go.
    for manifest in (workload("front", "web", {}), workload("back", "queue", {"maxUnavailable": 2, "maxSurge": 0}), budget()):
        await twin.apply(manifest, manager="kubectl")
    await wait_until_ready(twin)
    await twin.clock.sleep(60)


_BY_DEFAULT = {"istio-injection": "enabled"}
_BY_REVISION = {"istio.io/rev": "1-26-0"}


def _render(chart: str, values: dict[str, Any], version: str) -> tuple[Manifest, ...]:
    if chart == "base":
        # The target brings a role that its forerunner has not.
        roles = [role("istio-reader", version), *([role("istio-writer", version)] if version == TO else [])]
        policy = values.get("base", {}).get("validationFailurePolicy")
        return (*roles, validator("istiod-default-validator", values["defaultRevision"], policy or "Ignore"))
    revision = values["revision"]
    hooks = [injector(revision, tag) for tag in ("", *values.get("revisionTags", ()))]
    own = validator(f"istio-validator-{revision}-{_SYSTEM}", revision, "Ignore")
    return (istiod(revision, version), service(revision), settings(revision, version), own, *hooks)


def small_object(api_version: str, kind: str, name: str, namespace: str = "", **fields: Any) -> Manifest:
    labels = fields.pop("labels", {})
    metadata = {"name": name, "labels": labels, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def role(name: str, version: str) -> Manifest:
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    return small_object("rbac.authorization.k8s.io/v1", "ClusterRole", name, labels={"version": version}, rules=[rule])


def istiod(revision: str, version: str) -> Manifest:
    labels = {"app": "istiod", "istio.io/rev": revision}
    containers = [{"name": "discovery", "image": f"docker.io/istio/pilot:{version}"}]
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}}
    return small_object("apps/v1", "Deployment", f"istiod-{revision}", _SYSTEM, labels=labels, spec={"replicas": 1, **spec})


def service(revision: str) -> Manifest:
    labels = {"app": "istiod", "istio.io/rev": revision}
    ports = [{"name": "webhook", "port": 443, "targetPort": 15017, "protocol": "TCP"}]
    return small_object("v1", "Service", f"istiod-{revision}", _SYSTEM, labels=labels, spec={"selector": labels, "ports": ports})


def settings(revision: str, version: str) -> Manifest:
    proxy = {"image": "proxyv2", "resources": {}}
    values = json.dumps({"global": {"hub": "docker.io/istio", "tag": version, "proxy": proxy}})
    return small_object("v1", "ConfigMap", f"istio-sidecar-injector-{revision}", _SYSTEM, data={"values": values})


def injector(revision: str, tag: str) -> Manifest:
    asked = {"key": "istio.io/rev", "operator": "In", "values": [tag or revision]}
    selectors = [[asked, {"key": "istio-injection", "operator": "DoesNotExist"}]]
    if tag == "default":
        selectors.append([{"key": "istio-injection", "operator": "In", "values": ["enabled"]}])
    service = {"name": f"istiod-{revision}", "namespace": _SYSTEM, "path": "/inject", "port": 443}
    rules = [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]
    webhooks = [
        {
            "name": f"{number}.sidecar-injector.istio.io",
            "clientConfig": {"service": service},
            "rules": rules,
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchExpressions": selector},
        }
        for number, selector in enumerate(selectors)
    ]
    labels = {"app": "sidecar-injector", "istio.io/rev": revision, **({"istio.io/tag": tag} if tag else {})}
    name = f"istio-revision-tag-{tag}" if tag else f"istio-sidecar-injector-{revision}"
    return small_object(_WEBHOOKS, "MutatingWebhookConfiguration", name, labels=labels, webhooks=webhooks)


def validator(name: str, revision: str, policy: str) -> Manifest:
    webhook = {
        "name": "validation.istio.io",
        "clientConfig": {
            "service": {"name": f"istiod-{revision}", "namespace": _SYSTEM, "path": "/validate", "port": 443},
        },
        "rules": [{"operations": ["CREATE"], "apiGroups": ["security.istio.io"], "apiVersions": ["*"], "resources": ["*"]}],
        "failurePolicy": policy,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    labels = {"app": "istiod", "istio.io/rev": revision}
    return small_object(_WEBHOOKS, "ValidatingWebhookConfiguration", name, labels=labels, webhooks=[webhook])


def node() -> Manifest:
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    return small_object("v1", "Node", "worker", status={"allocatable": capacity, "capacity": capacity})


def namespace(name: str, labels: dict[str, str]) -> Manifest:
    return small_object("v1", "Namespace", name, labels=labels)


def workload(namespace: str, name: str, rolling: dict[str, int]) -> Manifest:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "example.org/app:1"}]}}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling or {"maxUnavailable": 0, "maxSurge": 1}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template, "strategy": strategy}
    return small_object("apps/v1", "Deployment", name, namespace, spec=spec)


def budget() -> Manifest:
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "queue"}}}
    return small_object("policy/v1", "PodDisruptionBudget", "queue", "back", spec=spec)
