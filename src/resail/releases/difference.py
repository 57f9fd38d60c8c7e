"""What is other in one release than in another."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from resail.models.release_facts import CrdFacts, NoteOfLine, ReleaseFacts

__all__ = ["Change", "ReleaseDifference", "difference"]

Topic = Literal["value", "crd", "field", "object", "flag", "operator field", "profile", "compatibility version", "kubernetes"]
_BUILT = ("hub", "tag")
"""Values that are written anew for each release."""


class Change(msgspec.Struct, frozen=True):
    """One thing that is other."""

    topic: Topic
    where: str
    """The chart, or the CRD; empty where there is none."""
    name: str
    """Path of the value or field; name of the flag, CRD …"""
    change: Literal["gone", "new", "moved", "retyped", "default", "versions"]
    old: str = ""
    """What it was: a default as JSON, a type, versions of which the stored one stands first."""
    new: str = ""
    """What it is; where it moved to."""


class ReleaseDifference(msgspec.Struct, frozen=True):
    """From one release to another."""

    old: str
    """The version that the facts are of; where just that one is not known, the nearest of its line."""
    new: str
    changes: tuple[Change, ...]
    notes: tuple[NoteOfLine, ...]
    """Of the lines after the old one, up to the new one; by area."""
    unknown: tuple[str, ...]
    """Topics of which one of the two tells nothing, and which are not compared."""


def difference(
    old: ReleaseFacts, new: ReleaseFacts, kubernetes: tuple[Iterable[str], Iterable[str]], notes: Iterable[NoteOfLine]
) -> ReleaseDifference:
    """Compare two releases.

    Args:
        old: the facts of one.
        new: of the other.
        kubernetes: versions that the one and the other support.
        notes: of the lines on the way.
    """
    unknown = {*old.unknown, *new.unknown} - {"notes"}
    compared: tuple[tuple[str, Callable[[], Iterable[Change]]], ...] = (
        ("values", lambda: _charts(old, new)),
        ("crds", lambda: _crds(old.crds, new.crds)),
        ("objects", lambda: _objects(old, new)),
        ("flags", lambda: _flags(old.flags, new.flags)),
        ("operator_fields", lambda: _names("operator field", old.operator_fields, new.operator_fields)),
        ("profiles", lambda: _names("profile", old.profiles, new.profiles)),
        (
            "compatibility_versions",
            lambda: _names("compatibility version", old.compatibility_versions, new.compatibility_versions),
        ),
        ("kubernetes", lambda: _names("kubernetes", *kubernetes)),
    )
    return ReleaseDifference(
        old=old.version,
        new=new.version,
        changes=tuple(change for topic, changes in compared if topic not in unknown for change in changes()),
        notes=tuple(sorted(notes, key=lambda one: (one.note.area, _order(one.line), one.note.id))),
        unknown=tuple(sorted(unknown)),
    )


def _charts(old: ReleaseFacts, new: ReleaseFacts) -> Iterator[Change]:
    for chart in sorted(old.values.keys() & new.values.keys()):
        yield from _values(chart, old.values[chart], new.values[chart])


def _values(chart: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    added = [path for path in new if path not in old and not _is_within(path, old)]
    for path in sorted(old):
        if path not in new and not _is_within(path, new):
            goal = _moved(path, old, added, new)
            if goal:
                added.remove(goal)
                yield Change("value", chart, path, "moved", new=goal)
            else:
                yield Change("value", chart, path, "gone", old=_json(old[path]))
        elif path in new and old[path] != new[path] and path.rpartition(".")[2] not in _BUILT:
            known = old[path] is not None and new[path] is not None
            change: Literal["retyped", "default"] = "retyped" if known and _kind(old[path]) != _kind(new[path]) else "default"
            yield Change("value", chart, path, change, _json(old[path]), _json(new[path]))
    for path in added:
        yield Change("value", chart, path, "new", new=_json(new[path]))


def _is_within(path: str, values: Mapping[str, Any]) -> bool:
    """Is it below a value that is empty by default, or above others? Then a user may set it all the same."""
    parts = path.split(".")
    above = (".".join(parts[:end]) for end in range(1, len(parts)))
    return any(values.get(one) in ({}, None) and one in values for one in above) or any(
        one.startswith(f"{path}.") for one in values
    )


def _moved(path: str, old: Mapping[str, Any], added: Iterable[str], new: Mapping[str, Any]) -> str:
    """Where it is now: the one new path that differs by a level at its front, with the same default."""
    goals = [goal for goal in added if (path.endswith(f".{goal}") or goal.endswith(f".{path}")) and new[goal] == old[path]]
    return goals[0] if len(goals) == 1 else ""


def _crds(old: Mapping[str, CrdFacts], new: Mapping[str, CrdFacts]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield Change("crd", "", name, "gone", old=_versions(old[name]))
        elif name not in old:
            yield Change("crd", "", name, "new", new=_versions(new[name]))
        else:
            if _versions(old[name]) != _versions(new[name]):
                yield Change("crd", "", name, "versions", _versions(old[name]), _versions(new[name]))
            if old[name].fields and new[name].fields:
                yield from _fields(name, "spec", old[name].fields, new[name].fields)


def _versions(crd: CrdFacts) -> str:
    return ", ".join([f"{crd.storage} (stored)", *(version for version in crd.served if version != crd.storage)])


def _fields(crd: str, above: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Of what is new or gone as a whole only the top."""
    for name in sorted(old.keys() | new.keys()):
        path = f"{above}.{name}"
        if name not in new:
            yield Change("field", crd, path, "gone")
        elif name not in old:
            yield Change("field", crd, path, "new")
        elif isinstance(old[name], dict) and isinstance(new[name], dict):
            yield from _fields(crd, path, old[name], new[name])
        elif old[name] and new[name] and old[name] != new[name]:
            yield Change("field", crd, path, "retyped", _type(old[name]), _type(new[name]))


def _type(field: Any) -> str:
    return field if isinstance(field, str) else "object"


def _objects(old: ReleaseFacts, new: ReleaseFacts) -> Iterator[Change]:
    for chart in sorted(old.objects.keys() & new.objects.keys()):
        yield from _names("object", old.objects[chart], new.objects[chart], chart)


def _flags(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield Change("flag", "", name, "gone", old=old[name])
        elif name not in old:
            yield Change("flag", "", name, "new", new=new[name])
        elif old[name] and new[name] and old[name] != new[name]:
            yield Change("flag", "", name, "default", old[name], new[name])


def _names(topic: Topic, old: Iterable[str], new: Iterable[str], where: str = "") -> Iterator[Change]:
    before, after = set(old), set(new)
    for name in sorted(before | after, key=_order):
        if name not in after:
            yield Change(topic, where, name, "gone")
        elif name not in before:
            yield Change(topic, where, name, "new")


def _order(name: str) -> tuple[list[int], str]:
    """Versions by their numbers."""
    parts = name.split(".")
    return ([int(part) for part in parts] if all(part.isdigit() for part in parts) else [], name)


def _kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
