"""An istioctl small enough for the planner's tests: what it renders of an IstioOperator, and what it installed."""

from typing import Any

from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.istioctl_marks import as_istioctl_applies
from resail.models.rendering import IstioctlRequest
from resail.models.snapshot import Component, ControlPlane, IstioctlComponent, Ownership, RevisionTag, Workload
from resail.plan.istio_operator import with_revision
from tests.plan.meshes import deployment

__all__ = ["ISTIOCTL", "component_parts", "control_plane", "default_tag", "generate", "installed_components", "operator"]

ISTIOCTL = Ownership("istioctl", "", "label")
_SYSTEM = "istio-system"
_WEBHOOKS = "admissionregistration.k8s.io/v1"


def operator(*components: str, gateways: tuple[str, ...] = (), **spec: Any) -> dict[str, Any]:
    """An IstioOperator with ``base`` and ``pilot``, and of ``cni`` and ``ztunnel`` those that are named."""
    switched = {name: {"enabled": name in components} for name in ("cni", "ztunnel")}
    lists = {"ingressGateways": [{"name": name, "enabled": True} for name in gateways]}
    without = {name: {"enabled": False} for name in ("base", "pilot") if f"no-{name}" in components}
    return {"kind": "IstioOperator", "spec": {"components": {**switched, **lists, **without}, **spec}}


def generate(request: IstioctlRequest) -> tuple[Manifest, ...]:
    """What that version's istioctl makes of the configuration, by the rules of the real one."""
    spec = request.configuration["spec"]
    switches, values = spec.get("components", {}), spec.get("values", {})
    version, revision = request.version, spec.get("revision", "")
    on = {key: (switches.get(key) or {}).get("enabled", key in ("base", "pilot")) for key in ("base", "pilot", "cni", "ztunnel")}
    objects: list[Manifest] = []
    if on["base"]:
        objects += [_object("ServiceAccount", "istio-reader"), _crd(version)]
        objects += [_hook("istiod-default-validator", "Validating", revision)] if values.get("defaultRevision") else []
    if on["pilot"]:
        # istiod's own values tell of CNI, and follow its switch unless the unvalidated ones say otherwise.
        pilot = (spec.get("unvalidatedValues") or {}).get("pilot") or {}
        cni = (pilot.get("cni") or {}).get("enabled", on["cni"])
        objects += _istiod(version, revision, f"cni={cni}, mesh={spec.get('meshConfig', {})}")
        objects += [_hook(f"istio-revision-tag-{tag}", "Mutating", revision, tag) for tag in values.get("revisionTags", ())]
    if on["cni"]:
        objects.append(
            _runs("DaemonSet", "istio-cni-node", f"install-cni:{version}", "install-cni", {"k8s-app": "istio-cni-node"})
        )
    if on["ztunnel"]:
        objects.append(_runs("DaemonSet", "ztunnel", f"ztunnel:{version}", "istio-proxy", {"app": "ztunnel"}))
    for gateway in switches.get("ingressGateways") or ():
        if gateway["enabled"]:
            labels = {"istio.io/rev": revision or "default", "operator.istio.io/component": "IngressGateways"}
            objects.append(_runs("Deployment", gateway["name"], "auto", "istio-proxy", labels))
            objects.append(_object("ServiceAccount", f"{gateway['name']}-account"))
    for gateway in switches.get("egressGateways") or ():
        labels = {"operator.istio.io/component": "EgressGateways"}
        objects.append({**_object("Service", gateway["name"]), "metadata": {"name": gateway["name"], "labels": labels}})
    return tuple(sorted(objects, key=ObjectRef.of))


def installed_components(configuration: dict[str, Any], version: str, revision: str = "default") -> tuple[IstioctlComponent, ...]:
    """What ``istioctl install`` leaves."""
    named = with_revision(configuration, revision)
    found: dict[str, list[Manifest]] = {}
    for manifest in generate(IstioctlRequest(IstioVersion.parse(version), named, "1.31.0")):
        component = _component_of(manifest)
        found.setdefault(component, []).append(as_istioctl_applies(manifest, component, revision, version, named))
    return tuple(IstioctlComponent(component, revision, version, tuple(found[component])) for component in sorted(found))


def component_parts(components: tuple[IstioctlComponent, ...]) -> tuple[tuple[Component, ...], tuple[Workload, ...]]:
    """As a capture tells of CNI, ztunnel and gateways: parts, and the workloads of all."""
    parts, workloads = [], []
    for one in components:
        for manifest in one.objects:
            ref = ObjectRef.of(manifest)
            if manifest["kind"] not in ("Deployment", "DaemonSet"):
                continue
            gateway = one.component == "IngressGateways"
            version = one.version if gateway else ""
            workloads.append(deployment(ref.name, namespace=_SYSTEM, kind=ref.kind, version=version, revision=one.revision))
            roles: dict[str, Any] = {"Cni": "cni", "Ztunnel": "ztunnel"}
            if one.component in roles:
                parts.append(Component(roles[one.component], ref, one.version, "", ISTIOCTL))
    return tuple(sorted(parts, key=lambda part: part.workload)), tuple(workloads)


def control_plane(version: str, revision: str = "default") -> ControlPlane:
    ref = ObjectRef("apps/v1", "Deployment", _SYSTEM, _named("istiod", revision))
    return ControlPlane(ref, revision, version, f"docker.io/istio/pilot:{version}", 1, 1, ISTIOCTL)


def default_tag(version: str, revision: str = "default") -> RevisionTag:
    """As ``install`` without a revision leaves it."""
    hook = _hook("istio-revision-tag-default", "Mutating", "", "default")
    validator = _hook("istiod-default-validator", "Validating", "")
    marked = [as_istioctl_applies(one, "Pilot", revision, version, {}) for one in (hook, validator)]
    for one in marked:
        one["metadata"]["labels"]["install.operator.istio.io/owning-resource-not-pruned"] = "true"
    return RevisionTag("default", revision, ObjectRef.of(hook), ISTIOCTL, marked[0], marked[1])


def _component_of(manifest: Manifest) -> str:
    name, kind = manifest["metadata"]["name"], manifest["kind"]
    if kind == "CustomResourceDefinition" or name in ("istio-reader", "istiod-default-validator"):
        return "Base"
    if name == "istio-cni-node" or name == "ztunnel":
        return "Cni" if name == "istio-cni-node" else "Ztunnel"
    return "IngressGateways" if "gateway" in name else "Pilot"


def _named(name: str, revision: str) -> str:
    return name if revision in ("", "default") else f"{name}-{revision}"


def _istiod(version: IstioVersion, revision: str, values: str) -> list[Manifest]:
    labels = {"app": "istiod", "istio.io/rev": revision or "default"}
    runs = _runs("Deployment", _named("istiod", revision), f"docker.io/istio/pilot:{version}", "discovery", labels)
    runs["metadata"]["labels"] = labels
    settings = {**_object("ConfigMap", _named("istio-sidecar-injector", revision)), "data": {"values": values}}
    found = [runs, settings, _hook(_named("istio-sidecar-injector", revision), "Mutating", revision)]
    # What only newer versions have.
    return [*found, _object("Role", _named("istiod", revision))] if version.minor >= 27 else found


def _object(kind: str, name: str) -> Manifest:
    group = {"Role": "rbac.authorization.k8s.io/v1"}.get(kind, "v1")
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": _SYSTEM}}


def _crd(version: IstioVersion) -> Manifest:
    kind = "CustomResourceDefinition"
    spec = {"of": version.line, "group": "networking.istio.io", "names": {"kind": "Gateway", "plural": "gateways"}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": kind, "metadata": {"name": "crd"}, "spec": spec}


def _hook(name: str, sort: str, revision: str, tag: str = "") -> Manifest:
    service = {"namespace": _SYSTEM, "name": _named("istiod", revision)}
    labels = {"istio.io/rev": revision or "default", **({"istio.io/tag": tag} if tag else {})}
    return {
        "apiVersion": _WEBHOOKS,
        "kind": f"{sort}WebhookConfiguration",
        "metadata": {"name": name, "labels": labels},
        "webhooks": [
            {"name": "one", "clientConfig": {"service": service}, "failurePolicy": "Ignore", "namespaceSelector": {"a": 1}}
        ],
    }


def _runs(kind: str, name: str, image: str, container: str, labels: dict[str, str]) -> Manifest:
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": container, "image": image}]}}
    metadata = {"name": name, "namespace": _SYSTEM}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {"template": template}}
