"""What of an object a field manager applied, by its ``managedFields``.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

import json
from typing import Any

from resail.models.identity import Manifest

__all__ = ["fields_of"]


def fields_of(manifest: Manifest, manager: str) -> Manifest:
    """The fields that server-side apply gave to the manager, and what names the object; the whole where it applied none."""
    entries = manifest["metadata"].get("managedFields") or ()
    applied = [entry["fieldsV1"] for entry in entries if (entry["manager"], entry["operation"]) == (manager, "Apply")]
    if not applied:
        return manifest
    fields: dict[str, Any] = {}
    for each in applied:
        _merge(fields, each)
    picked: Manifest = _picked(manifest, fields)
    named = {key: manifest["metadata"][key] for key in ("name", "namespace") if key in manifest["metadata"]}
    head = {key: manifest[key] for key in ("apiVersion", "kind")}
    return {**head, **picked, "metadata": {**named, **picked.get("metadata", {})}}


def _merge(into: dict[str, Any], fields: dict[str, Any]) -> None:
    for name, below in fields.items():
        _merge(into.setdefault(name, {}), below)


def _picked(value: Any, fields: dict[str, Any]) -> Any:
    """Without a field below it, it is owned whole."""
    below = {name: found for name, found in fields.items() if name != "."}
    if not below:
        return value
    if isinstance(value, dict):
        names = {name.removeprefix("f:"): found for name, found in below.items()}
        return {name: _picked(one, names[name]) for name, one in value.items() if name in names}
    if isinstance(value, list):
        return [_picked(item, found) for item in value for name, found in below.items() if _is_named(item, name)]
    return value


def _is_named(item: Any, name: str) -> bool:
    sort, _, text = name.partition(":")
    wanted = json.loads(text)
    if sort == "k" and isinstance(item, dict):
        return all(item.get(key) == value for key, value in wanted.items())
    return bool(sort == "v" and item == wanted)
