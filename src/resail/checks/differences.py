"""What differs between two manifests, object by object, with the paths of the fields."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import ObjectChange

__all__ = ["FieldChange", "changed_fields", "field_changes", "object_changes"]

_MOST_FIELDS = 40
"""Fields named for one object; a plan is read by people."""

_NAMES = ("name", "key", "containerPort", "port")


class FieldChange(msgspec.Struct, frozen=True):
    """One field that differs; None where it is not there."""

    path: str
    before: Any
    after: Any


def object_changes(before: Iterable[Manifest], after: Iterable[Manifest]) -> tuple[ObjectChange, ...]:
    """Objects added, changed and removed, sorted."""
    old = {ObjectRef.of(manifest): manifest for manifest in before}
    new = {ObjectRef.of(manifest): manifest for manifest in after}
    changes = [ObjectChange(ref, "remove") for ref in old.keys() - new.keys()]
    changes += [ObjectChange(ref, "add") for ref in new.keys() - old.keys()]
    for ref in old.keys() & new.keys():
        fields = tuple(sorted(set(changed_fields(old[ref], new[ref]))))
        if fields:
            more = (f"… and {len(fields) - _MOST_FIELDS} more",) if len(fields) > _MOST_FIELDS else ()
            changes.append(ObjectChange(ref, "change", (*fields[:_MOST_FIELDS], *more)))
    return tuple(sorted(changes))


def changed_fields(before: Any, after: Any) -> Iterator[str]:
    """Paths of the leaves that differ; list members are told apart by name where all have one."""
    return (change.path for change in field_changes(before, after))


def field_changes(before: Any, after: Any, path: str = "") -> Iterator[FieldChange]:
    """Like ``changed_fields``, with what stood and what will stand there."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            here = f"{path}.{key}" if path else key
            if key in before and key in after:
                yield from field_changes(before[key], after[key], here)
            else:
                yield FieldChange(here, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _changed_members(before, after, path)
    elif before != after:
        yield FieldChange(path, before, after)


def _changed_members(before: list[Any], after: list[Any], path: str) -> Iterator[FieldChange]:
    key = next((name for name in _NAMES if _all_have(name, before) and _all_have(name, after)), None)
    if key is None:
        if before != after:
            yield FieldChange(path, before, after)
        return
    old = {member[key]: member for member in before}
    new = {member[key]: member for member in after}
    for name in sorted(old.keys() | new.keys(), key=str):
        here = f"{path}[{key}={name}]"
        if name in old and name in new:
            yield from field_changes(old[name], new[name], here)
        else:
            yield FieldChange(here, old.get(name), new.get(name))


def _all_have(name: str, members: list[Any]) -> bool:
    return all(isinstance(member, dict) and isinstance(member.get(name), str | int) for member in members)
