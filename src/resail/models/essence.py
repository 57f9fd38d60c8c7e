"""What an object holds, without what the API server fills in; and the parts of it that are named by field paths."""

from collections.abc import Iterable
from typing import Any

import msgspec

from resail.models.identity import Manifest

__all__ = ["essence", "excerpt"]

_SERVER_FIELDS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
_NAMES = ("apiVersion", "kind")


def essence(live: Manifest) -> Manifest:
    """The object as whoever made it would write it down: no status, and nothing that the API server counts."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in _SERVER_FIELDS}
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": metadata}


def excerpt(live: Manifest, paths: Iterable[str]) -> Manifest | None:
    """An object with no more than some fields of ``live``, such as server-side apply takes it; None where one cannot be found.

    Args:
        live: the object.
        paths: as the API server names fields in conflicts: ``.data.mesh``, ``.spec.ports[port=443,protocol="TCP"].name``.
    """
    metadata = {key: live["metadata"][key] for key in ("name", "namespace") if key in live["metadata"]}
    taken: Manifest = {**{key: live[key] for key in _NAMES}, "metadata": metadata}
    for path in sorted(paths):
        if not _copy(live, taken, path):
            return None
    return taken


def _copy(source: Any, target: Any, path: str) -> bool:
    """Copy what the path names; keys may hold dots, so what is there tells where one ends."""
    if isinstance(source, dict) and path.startswith("."):
        for key in sorted(source, key=len, reverse=True):
            rest = path[len(key) + 1 :]
            if path[1:].startswith(key) and (not rest or rest[0] in ".["):
                return _copy_into(source[key], target, key, rest)
        return False
    if isinstance(source, list) and path.startswith("["):
        return _copy_member(source, target, path)
    return False


def _copy_into(value: Any, target: dict[str, Any], key: str, rest: str) -> bool:
    if not rest:
        target[key] = value
        return True
    return _copy(value, target.setdefault(key, [] if isinstance(value, list) else {}), rest)


def _copy_member(source: list[Any], target: list[Any], path: str) -> bool:
    """A member is named by some of its fields, ``[name="x"]``, or by its value, ``[="x"]``."""
    for member in source:
        keys = _keys(member, path) if isinstance(member, dict) else None
        if keys is not None:
            rest = path[path.index("]", _end_of_keys(path, keys)) + 1 :]
            kept = next((one for one in target if all(one.get(key) == value for key, value in keys.items())), None)
            if not rest:
                target.append(member)
                return True
            if kept is None:
                kept = dict(keys)
                target.append(kept)
            return _copy(member, kept, rest)
        if path == f"[={_written(member)}]":
            target.append(member)
            return True
    return False


def _keys(member: dict[str, Any], path: str) -> dict[str, Any] | None:
    """The fields of a member by which the path names it; None where it names another."""
    keys: dict[str, Any] = {}
    rest = path[1:]
    while True:
        name, equals, after = rest.partition("=")
        if not equals or name not in member or not after.startswith(_written(member[name])):
            return None
        keys[name] = member[name]
        rest = after[len(_written(member[name])) :]
        if rest.startswith("]"):
            return keys
        if not rest.startswith(","):
            return None
        rest = rest[1:]


def _end_of_keys(path: str, keys: dict[str, Any]) -> int:
    return len("[" + ",".join(f"{key}={_written(value)}" for key, value in keys.items()))


def _written(value: Any) -> str:
    return msgspec.json.encode(value).decode()
