"""Every object of a cluster, and what differs between two moments."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resail.testbed.bed import Bed

__all__ = ["Exemptions", "World", "differences", "read_world"]

World = dict[str, dict[str, Any]]
"""``group|Kind|namespace|name`` → object."""

_ABSENT = object()


class Exemptions:
    """The one file of what may differ."""

    def __init__(self) -> None:
        text = tomllib.loads(Path(__file__).with_name("exemptions.toml").read_text())
        self._kinds = {name for entry in text["kinds"] for name in entry["names"]}
        self._objects = [(entry["kind"], re.compile(entry["name"])) for entry in text["objects"]]
        self._fields = [re.compile(entry["path"]) for entry in text["fields"]]

    def covers_object(self, key: str) -> bool:
        """May the object come, go and change freely?"""
        _, kind, _, name = key.split("|")
        return kind in self._kinds or any(kind == one and pattern.fullmatch(name) for one, pattern in self._objects)

    def covers_field(self, path: str) -> bool:
        return any(pattern.fullmatch(path) for pattern in self._fields)


def read_world(bed: Bed) -> World:
    """All objects of all kinds that the API lists."""
    world: World = {}
    for group_version in _preferred(bed):
        root = f"/api/{group_version}" if "/" not in group_version else f"/apis/{group_version}"
        for resource in bed.api("GET", root).json()["resources"]:
            if "/" in resource["name"] or "list" not in resource["verbs"] or "get" not in resource["verbs"]:
                continue
            for item in bed.api("GET", f"{root}/{resource['name']}").json()["items"]:
                metadata = item["metadata"]
                group = group_version.rpartition("/")[0]
                key = "|".join((group, resource["kind"], metadata.get("namespace", ""), metadata["name"]))
                world[key] = item
    return world


def differences(before: World, after: World, exemptions: Exemptions) -> list[str]:
    """What differs, one line each: ``key path: old → new``."""
    found: list[str] = []
    for key in sorted(before.keys() | after.keys()):
        if exemptions.covers_object(key):
            continue
        if key not in after:
            found.append(f"{key}: is gone")
        elif key not in before:
            found.append(f"{key}: is new")
        else:
            found += [f"{key} {line}" for line in _differing(before[key], after[key], exemptions)]
    return found


def _preferred(bed: Bed) -> Iterator[str]:
    yield "v1"
    for group in bed.api("GET", "/apis").json()["groups"]:
        yield group["preferredVersion"]["groupVersion"]


def _differing(before: Any, after: Any, exemptions: Exemptions, path: str = "") -> Iterator[str]:
    if exemptions.covers_field(path) or before == after:
        return
    # A mapping that is missing is an empty one: its exempted members must not make the whole differ.
    if _is_mapping(before) and _is_mapping(after):
        old, new = _members(before), _members(after)
        for name in sorted(old.keys() | new.keys()):
            here = f"{path}.{name}" if path else name
            yield from _differing(old.get(name, _ABSENT), new.get(name, _ABSENT), exemptions, here)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for position, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differing(one, other, exemptions, f"{path}[{position}]")
    else:
        yield f"{path}: {_short(before)} → {_short(after)}"


def _is_mapping(value: Any) -> bool:
    return value is _ABSENT or (isinstance(value, dict) and bool(value))


def _members(value: Any) -> dict[str, Any]:
    return {} if value is _ABSENT else value


def _short(value: Any) -> str:
    text = "(absent)" if value is _ABSENT else repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
