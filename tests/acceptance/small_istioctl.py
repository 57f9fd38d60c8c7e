"""The small mesh, installed by an istioctl that is so small that no program is needed: istiod, CNI and a gateway, two tags."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from resail.installers.interface import Installation
from resail.installers.istioctl_rendered import RenderedIstioctl
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.istioctl_marks import as_istioctl_applies
from resail.plan.tags import as_default_validator
from resail.testbed.mesh.install import wait_until_ready
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loop import run
from tests.acceptance.small_mesh import (
    FROM,
    TO,
    budget,
    injector,
    istiod,
    namespace,
    node,
    role,
    service,
    settings,
    small_object,
    validator,
    workload,
)

__all__ = ["OPERATOR", "SmallIstioctl", "installed_by", "make_mesh_by_istioctl"]

OPERATOR: dict[str, Any] = {
    "apiVersion": "install.istio.io/v1alpha1",
    "kind": "IstioOperator",
    "spec": {
        "components": {
            "base": {"enabled": True},
            "pilot": {"enabled": True},
            "cni": {"enabled": True},
            "ingressGateways": [{"name": "front-gateway", "enabled": True}],
        },
    },
}
"""What the mesh was installed with."""

_SYSTEM = "istio-system"
_NOT_PRUNED = "install.operator.istio.io/owning-resource-not-pruned"
_NO_REACH = {"matchLabels": {"istio.io/deactivated": "never-match"}}


class SmallIstioctl:
    """Implements ``IstioctlRenderer``: what the real one does that an upgrade deals with, by its rules."""

    async def generate(
        self, version: IstioVersion, configuration: dict[str, Any], kubernetes_version: str
    ) -> tuple[Manifest, ...]:
        found = _rendered(str(version), configuration)
        return tuple(sorted((manifest for part in found.values() for manifest in part), key=ObjectRef.of))


def make_mesh_by_istioctl(path: Path) -> None:
    """A new twin with the mesh on it, all pods ready."""

    async def make() -> None:
        async with open_twin(path) as twin:
            await _install(twin)

    run(make())


async def _install(twin: TwinCluster) -> None:
    labels: tuple[dict[str, str], ...] = ({}, {"istio-injection": "enabled"}, {"istio.io/rev": "prod"})
    for manifest in (node(), *map(namespace, (_SYSTEM, "front", "back"), labels)):
        await twin.apply(manifest, manager="kubectl")
    installation = Installation(FROM, OPERATOR, tuple(installed_by(FROM, OPERATOR)), 60)
    # istiod first: what it injects comes after it.
    for components in (("Base", "Pilot"), ("Base", "Pilot", "Cni", "IngressGateways")):
        objects = tuple(one for one in installation.objects if _component_of(one) in components)
        await RenderedIstioctl(twin, twin).install(Installation(FROM, OPERATOR, objects, 60), lambda _: None)
        await wait_until_ready(twin)
    await twin.apply(injector("default", "prod"), manager="istioctl")
    await twin.clock.sleep(1)
    for manifest in (workload("front", "web", {}), workload("back", "queue", {"maxUnavailable": 2, "maxSurge": 0}), budget()):
        await twin.apply(manifest, manager="kubectl")
    await wait_until_ready(twin)
    await twin.clock.sleep(60)


def installed_by(version: str, configuration: dict[str, Any]) -> Iterable[Manifest]:
    """With the marks of ``install``, which sets the tag ``default`` at the end."""
    rendered = _rendered(version, configuration)
    for component, objects in rendered.items():
        for manifest in objects:
            marked = as_istioctl_applies(manifest, component, "default", version, configuration)
            reached = [
                {**hook, "namespaceSelector": _NO_REACH, "objectSelector": _NO_REACH} for hook in marked.get("webhooks", ())
            ]
            yield {**marked, "webhooks": reached} if manifest["kind"] == "MutatingWebhookConfiguration" else marked
    own = as_default_validator(validator("istiod-default-validator", "default", "Ignore"))
    pointers = (injector("default", "default"), own)
    for hook in pointers if "Pilot" in rendered else ():
        marked = as_istioctl_applies(hook, "Pilot", "default", version, configuration)
        marked["metadata"]["labels"][_NOT_PRUNED] = "true"
        yield marked


def _without_reach(hook: Manifest) -> Manifest:
    entries = [{**entry, "namespaceSelector": _NO_REACH, "objectSelector": _NO_REACH} for entry in hook["webhooks"]]
    return {**hook, "webhooks": entries}


def _component_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"]["operator.istio.io/component"])


def _rendered(version: str, configuration: dict[str, Any]) -> dict[str, list[Manifest]]:
    """Component → objects."""
    spec = configuration["spec"]
    switches, values, revision = spec["components"], spec.get("values", {}), spec.get("revision", "default")
    on = {name: switches.get(name, {}).get("enabled", False) for name in ("base", "pilot", "cni")}
    found: dict[str, list[Manifest]] = {}
    if on["base"]:
        own = [validator("istiod-default-validator", revision, "Ignore")] if values.get("defaultRevision") else []
        found["Base"] = [small_object("v1", "ServiceAccount", "istio-reader-service-account", _SYSTEM), *own]
    if on["pilot"]:
        unvalidated = spec.get("unvalidatedValues", {}).get("pilot", {}).get("cni", {})
        hooks = [injector(revision, tag) for tag in ("", *values.get("revisionTags", ()))]
        own = [validator(f"istio-validator-{revision}-{_SYSTEM}", revision, "Ignore"), *hooks]
        # The target brings a role that its forerunner has not.
        own += [role(f"istiod-{revision}", version)] if version == TO else []
        told = _settings(revision, version, with_cni=unvalidated.get("enabled", on["cni"]))
        found["Pilot"] = [istiod(revision, version), service(revision), told, *own]
    if on["cni"]:
        found["Cni"] = [_runs("DaemonSet", _SYSTEM, "istio-cni-node", "k8s-app", {"hostNetwork": True}, f"install-cni:{version}")]
    gateways = [_gateway(one["name"]) for one in switches.get("ingressGateways", ()) if one["enabled"]]
    return {**found, **({"IngressGateways": gateways} if gateways else {})}


def _settings(revision: str, version: str, *, with_cni: bool) -> Manifest:
    found = settings(revision, version)
    values = {**json.loads(found["data"]["values"]), "pilot": {"cni": {"enabled": with_cni}}}
    name = "istio-sidecar-injector" if revision == "default" else found["metadata"]["name"]
    return {**found, "metadata": {**found["metadata"], "name": name}, "data": {"values": json.dumps(values, sort_keys=True)}}


def _gateway(name: str) -> Manifest:
    """In a namespace that the tag ``default`` injects."""
    found = _runs("Deployment", "front", name, "app", {}, "auto")
    found["spec"]["template"]["metadata"]["annotations"] = {"inject.istio.io/templates": "gateway"}
    return found


def _runs(kind: str, place: str, name: str, label: str, spec: dict[str, Any], image: str) -> Manifest:
    container = "istio-proxy" if image == "auto" else "install-cni"
    labels = {label: name}
    template = {"metadata": {"labels": labels}, "spec": {**spec, "containers": [{"name": container, "image": image}]}}
    return small_object("apps/v1", kind, name, place, spec={"selector": {"matchLabels": labels}, "template": template})
