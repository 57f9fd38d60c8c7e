"""Fields of an object as server-side apply counts them: paths in the form of ``managedFields``.

What is a list by key, a set or one whole value is written in the API's schemas (``x-kubernetes-list-type``,
``x-kubernetes-map-type``); here are the rows of them that built-in kinds need. A list that is not here is one whole value.
https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

import json
from collections.abc import Iterable
from typing import Any

__all__ = ["Path", "dropped", "element", "from_fields_v1", "leaves", "merged", "shown", "to_fields_v1"]

Path = tuple[str, ...]
"""Elements such as ``f:spec``, ``k:{"name":"app"}``, ``v:"x"``."""

_KEYS: dict[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "matchConditions": ("name",),
    "ownerReferences": ("uid",),
    "secrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
    "webhooks": ("name",),
}
_SETS = frozenset({"finalizers"})
_WHOLE = frozenset(
    {
        "claimRef",
        "configMapKeyRef",
        "fieldRef",
        "labelSelector",
        "namespaceSelector",
        "nodeSelector",
        "objectSelector",
        "resourceFieldRef",
        "roleRef",
        "scaleTargetRef",
        "secretKeyRef",
        "selector",
    }
)
"""Maps that are one value."""

_NOT_COUNTED = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        *(
            ("f:metadata", f"f:{name}")
            for name in ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink")
        ),
    }
)
"""Nobody owns these."""


def leaves(manifest: dict[str, Any]) -> dict[Path, Any]:
    """Every field that somebody can own, with its value; an item of a list by key has its keys as its value too."""
    found: dict[Path, Any] = {}
    bare = {**manifest, "metadata": {**manifest["metadata"]}}
    bare["metadata"].pop("managedFields", None)
    for name, value in bare.items():
        _collect(found, (f"f:{name}",), name, value)
    return {path: value for path, value in found.items() if path not in _NOT_COUNTED and path != ("f:metadata",)}


def _collect(found: dict[Path, Any], path: Path, name: str, value: Any) -> None:
    if isinstance(value, dict) and value and name not in _WHOLE:
        for inner, one in value.items():
            _collect(found, (*path, f"f:{inner}"), inner, one)
    elif isinstance(value, list) and value and _by_item(path, value):
        for item in value:
            here = (*path, element(path, item))
            found[here] = here[-1]
            if isinstance(item, dict):
                for inner, one in item.items():
                    _collect(found, (*here, f"f:{inner}"), inner, one)
    else:
        found[path] = value


def _by_item(path: Path, items: list[Any]) -> bool:
    name = path[-1].removeprefix("f:")
    return name in _SETS or all(isinstance(item, dict) and _keys(path, item) for item in items)


def _keys(path: Path, item: dict[str, Any]) -> tuple[str, ...]:
    name = path[-1].removeprefix("f:")
    if name == "ports":
        names: tuple[str, ...] = ("containerPort", "protocol") if "containerPort" in item else ("port", "protocol")
    else:
        names = _KEYS.get(name, ())
    return names if all(key in item or key == "protocol" for key in names) else ()


def element(path: Path, item: Any) -> str:
    """The element of a list's item."""
    if not isinstance(item, dict):
        return f"v:{json.dumps(item)}"
    # The one key that the schemas have a default for.
    keys = {key: item.get(key, "TCP") for key in sorted(_keys(path, item))}
    return f"k:{json.dumps(keys, separators=(',', ':'))}"


def merged(live: Any, applied: Any, path: Path = ()) -> Any:
    """What is applied, laid over what is there."""
    name = path[-1].removeprefix("f:") if path else ""
    if isinstance(live, dict) and isinstance(applied, dict) and name not in _WHOLE:
        new = dict(live)
        for inner, value in applied.items():
            new[inner] = merged(live.get(inner), value, (*path, f"f:{inner}"))
        return new
    if isinstance(live, list) and isinstance(applied, list) and live and _by_item(path, [*live, *applied]):
        return _merged_lists(live, applied, path)
    return applied


def _merged_lists(live: list[Any], applied: list[Any], path: Path) -> list[Any]:
    """Items of ``applied`` in their order; what it does not name stays where it was."""
    items = {element(path, item): item for item in live}
    for item in applied:
        key = element(path, item)
        items[key] = merged(items[key], item, (*path, key)) if isinstance(item, dict) and key in items else item
    return list(items.values())


def dropped(manifest: dict[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Without these fields and items, nor the maps and lists that this empties."""
    removed = frozenset(paths)
    found: dict[str, Any] = _without(manifest, (), removed)
    return found


def _without(value: Any, path: Path, removed: frozenset[Path]) -> Any:
    if isinstance(value, dict):
        entries = [((*path, f"f:{name}"), name, one) for name, one in value.items()]
        return {name: kept for here, name, one in entries if (kept := _kept(one, here, removed)) is not _GONE}
    if isinstance(value, list) and value and _by_item(path, value):
        return [kept for item in value if (kept := _kept(item, (*path, element(path, item)), removed)) is not _GONE]
    return value


_GONE = object()


def _kept(value: Any, path: Path, removed: frozenset[Path]) -> Any:
    if path in removed:
        return _GONE
    # Most fields have nothing removed below them.
    if not any(one[: len(path)] == path for one in removed):
        return value
    kept = _without(value, path, removed)
    return _GONE if not kept and value else kept


def shown(path: Path) -> str:
    """As the API server names it in a conflict: ``.spec.ports[port=80,protocol="TCP"].name``."""
    parts = []
    for one in path:
        sort, _, text = one.partition(":")
        if sort == "f":
            parts.append(f".{text}")
        elif sort == "k":
            parts.append("[" + ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(text).items()) + "]")
        else:
            parts.append(f"[={text}]")
    return "".join(parts)


def to_fields_v1(paths: Iterable[Path]) -> dict[str, Any]:
    """As ``managedFields`` has it."""
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for one in path:
            node = node.setdefault(one, {})
        # An item by key is a member itself, beside its fields.
        if path[-1].startswith("k:"):
            node["."] = {}
    return root


def from_fields_v1(fields: dict[str, Any], path: Path = ()) -> set[Path]:
    """Read it back."""
    found: set[Path] = set()
    for one, below in fields.items():
        if one == ".":
            found.add(path)
        elif below:
            found |= from_fields_v1(below, (*path, one))
        else:
            found.add((*path, one))
    return found
