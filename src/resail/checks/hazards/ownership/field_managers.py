"""Which field managers own which fields of an object, by its ``managedFields``.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["OF_THE_RELEASE", "field_managers"]

OF_THE_RELEASE = frozenset({"helm", "Helm", "resail"})
"""Managers by whose names Helm, and resail for it, write a release."""


def field_managers(live: Manifest) -> dict[str, frozenset[str]]:
    """Path of each field that somebody owns and that is there → its owners; who only writes the status counts for none."""
    found: dict[str, set[str]] = defaultdict(set)
    for entry in find(live, "metadata.managedFields[*]"):
        manager = first(entry.value, "manager")
        if isinstance(manager, str) and first(entry.value, "subresource") != "status":
            for path in _leaves(first(entry.value, "fieldsV1"), live, ""):
                found[path].add(manager)
    return {path: frozenset(managers) for path, managers in found.items()}


def _leaves(fields: Any, value: Any, path: str) -> Iterator[str]:
    """Without a field below it, one is owned whole."""
    below = {name: inner for name, inner in fields.items() if name != "."} if isinstance(fields, dict) else {}
    if not below and path:
        yield path
    for name, inner in below.items():
        sort, _, text = name.partition(":")
        if sort == "f" and isinstance(value, dict) and text in value:
            yield from _leaves(inner, value[text], f"{path}.{text}" if path else text)
        elif sort == "k" and isinstance(value, list):
            for key, member in _member(value, text):
                yield from _leaves(inner, member, f"{path}[{key}]")


def _member(members: list[Any], text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The member that some of its fields name, ``{"port":443,"protocol":"TCP"}``; the first of them names it in a path."""
    try:
        wanted = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return
    if isinstance(wanted, dict) and wanted:
        key = next(iter(wanted))
        for member in members:
            if isinstance(member, dict) and all(member.get(name) == value for name, value in wanted.items()):
                yield f"{key}={wanted[key]}", member
                return
