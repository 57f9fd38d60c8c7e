"""Objects in one form, so that what istioctl renders and what the API server keeps of it can be compared."""

from collections.abc import Mapping
from typing import Any

from resail.models.identity import Manifest
from resail.models.quantities import parse_quantity

__all__ = ["as_kept", "as_rendered"]

_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_NOT_INSTALLERS = ("failurePolicy", "namespaceSelector", "objectSelector")
"""istiod turns policies to Fail, and setting the tag ``default`` gives the webhooks of ``istio-sidecar-injector`` no reach."""
_QUANTITIES = ("limits", "requests")
_FILLED_IN = {"fieldRef": ("apiVersion", "v1"), "resourceFieldRef": ("divisor", "0")}
"""What the API server adds inside of fields that have one owner as a whole."""


def as_rendered(manifest: Manifest) -> Manifest:
    """Nothing that is empty, quantities in one form, and of webhooks only what their installer alone decides."""
    found: Manifest = _normal(manifest)
    if manifest["kind"] not in _WEBHOOKS:
        return found
    return {**found, "webhooks": [_without(entry, _NOT_INSTALLERS) for entry in found.get("webhooks", ())]}


def as_kept(live: Manifest, rendered: Manifest) -> Manifest:
    """The live object likewise; of webhooks, without what the API server fills in."""
    found = as_rendered(live)
    if live["kind"] not in _WEBHOOKS:
        return found
    return {**found, "webhooks": _entries(found["webhooks"], {one["name"]: one for one in as_rendered(rendered)["webhooks"]})}


def _entries(live: list[dict[str, Any]], rendered: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [_as_far_as(entry, rendered[entry["name"]]) if entry["name"] in rendered else entry for entry in live]


def _as_far_as(live: Any, rendered: Any) -> Any:
    """Without the fields that are not rendered."""
    if isinstance(live, dict) and isinstance(rendered, dict):
        return {key: _as_far_as(value, rendered[key]) for key, value in live.items() if key in rendered}
    if isinstance(live, list) and isinstance(rendered, list) and len(live) == len(rendered):
        return [_as_far_as(one, other) for one, other in zip(live, rendered, strict=True)]
    return live


def _without(entry: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in names}


def _normal(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        kept = {key: _normal(inner, name if name in _QUANTITIES else key) for key, inner in value.items()}
        filled_in = _FILLED_IN.get(name, ("", ""))
        return {key: inner for key, inner in kept.items() if inner not in (None, "", {}, []) and (key, inner) != filled_in}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if name in _QUANTITIES and isinstance(value, str | int | float):
        return str(parse_quantity(str(value)).normalize())
    return value
