"""What a line's facts are, computed from those of the line beside it and the recorded changes between the two."""

from typing import Any

import msgspec

from resail.models.release_facts import CrdFacts, ReleaseFacts
from resail.releases.layout import CHARTS
from resail.releases.learning.charts import object_name

__all__ = ["Changes", "applied", "taken_back"]

_ONLY_VERSION = "v1alpha1"
"""Of the CRDs that came or went as a whole, ``istiooperators`` and ``trafficextensions``."""


class Changes(msgspec.Struct, frozen=True):
    """From the first release of the line before to that of a line, as the collection of facts has them."""

    charts: dict[str, Any]
    """Folder of the chart → ``removed``, ``added``, ``moved_up_one_level``, ``default_changed``."""
    objects: dict[str, Any]
    """``removed`` and ``added``, each ``folder | kind | name``."""
    flags: dict[str, Any]
    """``removed``, ``added``, ``default_changed``."""
    crds: dict[str, Any]
    """``removed``, ``added``, ``changed``."""


def applied(older: ReleaseFacts, changes: Changes) -> ReleaseFacts:
    """The facts of the line, from those of the line before."""
    return msgspec.structs.replace(
        older,
        values={chart: _values_after(paths, _of_chart(changes, chart)) for chart, paths in older.values.items()},
        flags=dict(
            sorted(
                {
                    **{name: default for name, default in older.flags.items() if name not in changes.flags["removed"]},
                    **{name: default for name, default in changes.flags["added"].items() if _is_flag(name)},
                    **{name: new for name, (_, new) in changes.flags["default_changed"].items() if name in older.flags},
                }.items()
            )
        ),
        crds=_crds(older.crds, changes, back=False),
        objects=_objects(older.objects, gone=changes.objects["removed"], new=changes.objects["added"]),
    )


def taken_back(newer: ReleaseFacts, changes: Changes) -> ReleaseFacts:
    """The facts of the line before, from those of the line; the defaults of flags that went are not among the changes."""
    return msgspec.structs.replace(
        newer,
        values={chart: _values_before(paths, _of_chart(changes, chart)) for chart, paths in newer.values.items()},
        flags=dict(
            sorted(
                {
                    **{name: default for name, default in newer.flags.items() if name not in changes.flags["added"]},
                    **{name: "" for name in changes.flags["removed"] if _is_flag(name)},
                    **{name: old for name, (old, _) in changes.flags["default_changed"].items() if name in newer.flags},
                }.items()
            )
        ),
        crds=_crds(newer.crds, changes, back=True),
        objects=_objects(newer.objects, gone=changes.objects["added"], new=changes.objects["removed"]),
    )


def _of_chart(changes: Changes, chart: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"removed": [], "added": [], "moved_up_one_level": {}, "default_changed": {}}
    return {**empty, **next((changes.charts[folder] for folder in CHARTS[chart] if folder in changes.charts), {})}


def _values_after(values: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    moved = change["moved_up_one_level"]
    gone = {one["path"] for one in change["removed"]}
    return dict(
        sorted(
            {
                **{moved.get(path, path): default for path, default in values.items() if path not in gone},
                **{one["path"]: one["default"] for one in change["added"]},
                **{path: new for path, (_, new) in change["default_changed"].items()},
            }.items()
        )
    )


def _values_before(values: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    moved = {new: old for old, new in change["moved_up_one_level"].items()}
    new = {one["path"] for one in change["added"]}
    kept = {path: default for path, default in values.items() if path not in new}
    former = {path: old for path, (old, _) in change["default_changed"].items()}
    return dict(
        sorted(
            {
                **{moved.get(path, path): former.get(path, default) for path, default in kept.items()},
                **{one["path"]: one["old_default"] for one in change["removed"]},
            }.items()
        )
    )


def _crds(crds: dict[str, CrdFacts], changes: Changes, *, back: bool) -> dict[str, CrdFacts]:
    gone, new = ("added", "removed") if back else ("removed", "added")
    found = {name: facts for name, facts in crds.items() if name not in changes.crds[gone]}
    for name in changes.crds[new]:
        found[name] = CrdFacts(_ONLY_VERSION, (_ONLY_VERSION,))
    for name, change in changes.crds["changed"].items():
        if name in found:
            found[name] = _crd(found[name], change, back=back)
    return dict(sorted(found.items()))


def _crd(facts: CrdFacts, change: dict[str, Any], *, back: bool) -> CrdFacts:
    versions = change.get("versions", {}).get("from" if back else "to")
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(facts.fields))
    for path in change.get("fields_added", ()):
        steps = _steps(path)
        if steps[0] == "spec":
            (_without if back else _with)(fields, steps[1:])
    return CrdFacts(
        storage=next((name for name, one in versions.items() if one["storage"]), "") if versions else facts.storage,
        served=tuple(sorted(name for name, one in versions.items() if one["served"])) if versions else facts.served,
        fields=fields,
    )


def _steps(path: str) -> list[str]:
    """The keys of ``CrdFacts.fields``: ``spec.servers[].tls`` and ``spec.labels{}`` are written otherwise in the collection."""
    return [step.replace("[]", "[*]") for step in path.replace("{}", ".*").split(".")]


def _with(fields: dict[str, Any], steps: list[str]) -> None:
    *above, last = steps
    for step in above:
        key = step if step in fields else f"{step}[*]"
        if not isinstance(fields.get(key), dict):
            fields.pop(step.removesuffix("[*]"), None)
            fields[step] = {}
            key = step
        fields = fields[key]
    if last not in fields and f"{last}[*]" not in fields:
        fields[last] = ""


def _without(fields: dict[str, Any], steps: list[str]) -> None:
    *above, last = steps
    for step in above:
        below = fields.get(step)
        if not isinstance(below, dict):
            return
        fields = below
    for key in (last, f"{last}[*]"):
        fields.pop(key, None)


def _objects(objects: dict[str, tuple[str, ...]], *, gone: list[str], new: list[str]) -> dict[str, tuple[str, ...]]:
    return {chart: tuple(sorted((set(names) - _named(gone, chart)) | _named(new, chart))) for chart, names in objects.items()}


def _named(entries: list[str], chart: str) -> set[str]:
    parts = [entry.split(" | ", 2) for entry in entries]
    return {f"{kind} {object_name(name)}" for folder, kind, name in parts if folder in CHARTS[chart]}


def _is_flag(name: str) -> bool:
    return name.replace("_", "").isalnum() and name.isupper()
