"""The fields that a rule judges, each with its counterpart in what runs."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from resail.models.field_path import find

__all__ = ["Place", "anchor", "places"]

_INDEX = re.compile(r"\[\d+\]")


class Place(msgspec.Struct, frozen=True):
    """One field of what will be written, or of what runs."""

    path: str
    """Members of lists by their ``name`` where that tells them apart, so that it leads to the same one in both."""
    value: Any
    """None where what will be written has no such field."""
    running_value: Any
    """None where what runs has none."""


def places(target: Any, running: Any, pattern: str, lost: bool = False) -> Iterator[Place]:
    """The fields of ``target`` that a pattern leads to.

    Args:
        target: what will be written.
        running: what runs in its place, or None.
        pattern: as ``field_path.find`` takes it.
        lost: those of ``running``, too, that ``target`` does not have; but not what is in a member of a list (a container) that
            is gone as a whole.
    """
    seen = set()
    for field in find(target, pattern):
        path = _by_name(target, field.path)
        seen.add(path)
        yield Place(path, field.value, _at(running, path))
    if lost:
        for field in find(running, pattern):
            path = _by_name(running, field.path)
            if path not in seen and _has_members(target, path):
                yield Place(path, None, field.value)


def anchor(value: Any, path: str) -> str:
    """The path itself where it leads to something, else the nearest one above it that does."""
    while path and not _is_there(value, path):
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return path


def _is_there(value: Any, path: str) -> bool:
    return next(find(value, path), None) is not None


def _has_members(value: Any, path: str) -> bool:
    """Has it each member of a list that the path goes through?"""
    end = path.rfind("]", 0, len(path) - 1)
    return end < 0 or _is_there(value, path[: end + 1])


def _by_name(value: Any, path: str) -> str:
    """The path with each index replaced by the member's name, where that leads to the same member."""
    start = 0
    while match := _INDEX.search(path, start):
        member = _at(value, path[: match.end()])
        name = member.get("name") if isinstance(member, dict) else None
        named = f"{path[: match.start()]}[name={name}]"
        start = match.end()
        if isinstance(name, str) and "]" not in name and _at(value, named) is member:
            path, start = named + path[match.end() :], len(named)
    return path


def _at(value: Any, path: str) -> Any:
    return next((field.value for field in find(value, path)), None)
