"""IstioOperator configurations: of some components only, for another revision, for another version.

What switching a component off does besides was seen on the test bed (``docs/explanation/istioctl.md``).
"""

import copy
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion
from resail.plan.values import image_foreign, image_moved

__all__ = ["EMPTY", "makes_default_tag", "moved_on", "only", "with_default_tag", "with_revision", "with_tag"]

EMPTY: dict[str, Any] = {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": {}}
"""What ``istioctl install`` without a file takes: the profile ``default``."""

_KEYS = {"Base": "base", "Pilot": "pilot", "Cni": "cni", "Ztunnel": "ztunnel"}
_LISTS = {"IngressGateways": "ingressGateways", "EgressGateways": "egressGateways"}
_DEFAULT = "default"


def only(configuration: dict[str, Any], components: Collection[str], whole: Collection[str]) -> dict[str, Any]:
    """The configuration with all but these components switched off; the objects of these stay what they are.

    Args:
        configuration: the whole.
        components: what stays on, as ``IstioctlComponent.component``.
        whole: what the whole installs.
    """
    if set(components) >= set(whole):
        return configuration
    changed = copy.deepcopy(configuration)
    spec = changed.setdefault("spec", {})
    switches = _inner(spec, "components")
    for component, key in _KEYS.items():
        if component not in components:
            switches[key] = {**(switches.get(key) or {}), "enabled": False}
    for component, key in _LISTS.items():
        if component not in components:
            switches[key] = []
    # istiod's own values tell of CNI, and follow the switch unless this says otherwise.
    pilot = _inner(_inner(spec, "unvalidatedValues"), "pilot")
    if "Cni" in whole and "Cni" not in components:
        _inner(pilot, "cni")["enabled"] = True
    if "Pilot" in whole and "Pilot" not in components:
        pilot["enabled"] = True
    return changed


def with_revision(configuration: dict[str, Any], revision: str) -> dict[str, Any]:
    """The configuration of another revision."""
    spec = dict(configuration.get("spec") or {})
    spec.pop("revision", None)
    named = spec if revision == _DEFAULT else {**spec, "revision": revision}
    return {**configuration, "spec": named}


def with_tag(configuration: dict[str, Any], tag: str) -> dict[str, Any]:
    """The configuration by which the chart of istiod renders the webhook of a tag, too."""
    return _with_values(configuration, {"revisionTags": [tag]})


def with_default_tag(configuration: dict[str, Any], revision: str) -> dict[str, Any]:
    """The configuration by which the charts render the tag ``default`` and its validator, too."""
    return _with_values(configuration, {"revisionTags": [_DEFAULT], "defaultRevision": revision})


def makes_default_tag(configuration: dict[str, Any]) -> bool:
    """Does ``install`` end with setting the tag ``default``, where the revision or the mesh calls for it?"""
    values = (configuration.get("spec") or {}).get("values") or {}
    return not (values.get("global") or {}).get("operatorManageWebhooks")


def moved_on(
    configuration: dict[str, Any], installed: Sequence[IstioVersion], target: IstioVersion
) -> tuple[dict[str, Any], list[Finding]]:
    """The configuration for the next version, and what should be known of it, as ``carry_over`` does it for Helm."""
    changed = copy.deepcopy(configuration)
    findings: list[Finding] = []
    for path, holder, key in list(_pins(changed.get("spec") or {}, "spec")):
        pinned = str(holder[key])
        kind = "tag" if key == "tag" else "image"
        moved = image_moved(kind, pinned, installed, target)
        if moved is not None:
            holder[key] = moved
            findings.append(_finding(path, moved=True, evidence=f"{pinned} → {moved}"))
        elif image_foreign(kind, pinned, target):
            findings.append(_finding(path, moved=False, evidence=pinned))
    return changed, findings


def _pins(value: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Tags and images, in whatever depth; those of an overlay are its patches' values."""
    entries: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, inner in entries:
        here = f"{path}.{key}" if isinstance(value, dict) else f"{path}[{key}]"
        if isinstance(inner, dict | list):
            yield from _pins(inner, here)
        elif str(inner) and isinstance(inner, str | int | float) and (key in ("tag", "image") or _is_patched_image(value, key)):
            yield here, value, key


def _is_patched_image(patch: Any, key: Any) -> bool:
    return key == "value" and str(patch.get("path", "")).endswith("image")


def _finding(path: str, *, moved: bool, evidence: str) -> Finding:
    return Finding(
        id="image-pin-moved" if moved else "image-pinned",
        severity="info" if moved else "blocker",
        message=f"{path} of the IstioOperator {'is moved to the target' if moved else 'pins an image of another version'}",
        objects=(FindingObject("IstioOperator", "", "", path),),
        evidence=evidence,
        fix="" if moved else f"give the wanted one by --set {path.removeprefix('spec.')}=…, or take it out of the file",
        source="https://istio.io/latest/docs/setup/upgrade/in-place/",
    )


def _inner(holder: dict[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(holder.get(key), dict):
        holder[key] = {}
    inner: dict[str, Any] = holder[key]
    return inner


def _with_values(configuration: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    spec = configuration.get("spec") or {}
    return {**configuration, "spec": {**spec, "values": {**(spec.get("values") or {}), **values}}}
