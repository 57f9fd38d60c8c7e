"""What an istiod makes of a new pod: a schedule of the injection, and no evidence of it.

Images and resources are those of the revision's injector configuration; the templates in it are not rendered.
"""

import json
from typing import Any

from resail.checks.sidecar import predicted_image
from resail.models.identity import Manifest
from resail.twin.store import Key, Store, copied

__all__ = ["injected"]

_CHOICE = "sidecar.istio.io/inject"
_REVISION = "istio.io/rev"
_VOLUMES = ["workload-socket", "credential-socket", "workload-certs", "istio-envoy", "istio-data", "istio-podinfo"]


def injected(store: Store, istiod: Manifest, pod: Manifest) -> Manifest:
    """The pod with the sidecar (or, for a gateway, the proxy) of the istiod that this pod of it belongs to."""
    labels, annotations = pod["metadata"].get("labels") or {}, pod["metadata"].get("annotations") or {}
    if istiod["metadata"]["labels"].get("app") != "istiod" or pod["spec"].get("hostNetwork"):
        return pod
    if labels.get(_CHOICE, annotations.get(_CHOICE)) == "false":
        return pod
    revision = istiod["metadata"]["labels"].get(_REVISION, "default")
    name = "istio-sidecar-injector" if revision == "default" else f"istio-sidecar-injector-{revision}"
    settings = store.get(Key("ConfigMap", istiod["metadata"]["namespace"], name))
    if settings is None:
        return pod
    new = copied(pod)
    proxy = _proxy(settings, annotations)
    if annotations.get("inject.istio.io/templates") == "gateway":
        _fill_gateway(new["spec"], proxy)
        began: list[str] = []
    else:
        began = [_add_sidecar(new["spec"], proxy, settings, _native(istiod, annotations))]
    _mark(new["metadata"], revision, began)
    return new


def _proxy(settings: Manifest, annotations: dict[str, str]) -> dict[str, Any]:
    image = annotations.get("sidecar.istio.io/proxyImage") or predicted_image([settings])
    return {"name": "istio-proxy", "image": image, "resources": _values(settings).get("proxy", {}).get("resources") or {}}


def _values(settings: Manifest) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(settings["data"]["values"])["global"]
    except (KeyError, TypeError, ValueError):
        return {}
    return found


def _native(istiod: Manifest, annotations: dict[str, str]) -> bool:
    """Is the sidecar an init container that goes on running?"""
    asked = annotations.get("sidecar.istio.io/nativeSidecar")
    variables = [one for container in istiod["spec"]["containers"] for one in container.get("env") or ()]
    set_for_all = any(one["name"] == "ENABLE_NATIVE_SIDECARS" and one.get("value") == "true" for one in variables)
    return asked == "true" if asked else set_for_all


def _fill_gateway(spec: dict[str, Any], proxy: dict[str, Any]) -> None:
    for container in spec["containers"]:
        if container["name"] == "istio-proxy":
            given = container.get("image", "auto")
            container["image"] = proxy["image"] if given == "auto" else given
            container["resources"] = container.get("resources") or proxy["resources"]
            return
    spec["containers"].append(proxy)


def _add_sidecar(spec: dict[str, Any], proxy: dict[str, Any], settings: Manifest, native: bool) -> str:
    """Returns the name of the container that comes first."""
    first = "istio-validation" if _by_cni(settings) else "istio-init"
    own = (first, "istio-proxy")
    starters = [one for one in spec.get("initContainers") or () if one["name"] not in own]
    containers = [one for one in spec["containers"] if one["name"] != "istio-proxy"]
    init = {"name": first, "image": proxy["image"], "resources": proxy["resources"]}
    if native:
        spec["initContainers"] = [init, {**proxy, "restartPolicy": "Always"}, *starters]
        spec["containers"] = containers
    else:
        spec["initContainers"] = [init, *starters]
        spec["containers"] = [proxy, *containers]
    return first


def _by_cni(settings: Manifest) -> bool:
    try:
        values = json.loads(settings["data"]["values"])
    except (KeyError, TypeError, ValueError):
        return False
    return any((values.get(part) or {}).get("enabled") for part in ("istio_cni",)) or bool(
        ((values.get("pilot") or {}).get("cni") or {}).get("enabled")
    )


def _mark(metadata: dict[str, Any], revision: str, began: list[str]) -> None:
    labels = metadata.setdefault("labels", {})
    labels["security.istio.io/tlsMode"] = "istio"
    canonical = labels.get("app.kubernetes.io/name") or labels.get("app") or metadata.get("name", "")
    labels.setdefault("service.istio.io/canonical-name", canonical)
    labels.setdefault("service.istio.io/canonical-revision", labels.get("version", "latest"))
    status = {"initContainers": began, "containers": ["istio-proxy"], "volumes": _VOLUMES, "revision": revision}
    annotations = metadata.setdefault("annotations", {})
    annotations["istio.io/rev"] = revision
    annotations["sidecar.istio.io/status"] = json.dumps(status, separators=(",", ":"))
