"""Who owns which field: server-side apply, and what other writes make of it.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from resail.errors import FieldConflict
from resail.models.identity import Manifest
from resail.twin.fields import Path, dropped, from_fields_v1, leaves, merged, shown, to_fields_v1

__all__ = ["Applied", "applied", "written"]


class _Manager(NamedTuple):
    name: str
    operation: str
    api_version: str


_Owners = dict[_Manager, set[Path]]


class Applied(NamedTuple):
    """What an apply comes to."""

    manifest: Manifest
    conflicts: tuple[FieldConflict, ...]
    """With them it must not be done, unless by force."""


def applied(live: Manifest | None, config: Manifest, manager: str, time: str, *, force: bool) -> Applied:
    """Lay ``config`` over ``live`` as ``manager``, and take away what that manager named before and no longer names."""
    base = live or {"apiVersion": config["apiVersion"], "kind": config["kind"], "metadata": {}}
    owners = _owners(base)
    me = _Manager(manager, "Apply", config["apiVersion"])
    mine = set(leaves(config))
    new = merged(base, config)
    before, after = leaves(base), leaves(new)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    conflicts = [
        FieldConflict(other.name, shown(path))
        for other, theirs in owners.items()
        if other != me
        for path in sorted(theirs & changed)
    ]
    for other, theirs in owners.items():
        if other != me:
            theirs -= changed
    gone = owners.get(me, set()) - mine
    others = [path for other, theirs in owners.items() if other != me for path in theirs]
    removed = {path for path in gone if not any(theirs[: len(path)] == path for theirs in others)}
    owners[me] = mine
    manifest = dropped(new, removed) if removed else new
    return Applied(_with_owners(manifest, base, owners, time), () if force else tuple(conflicts))


def written(live: Manifest | None, new: Manifest, manager: str, time: str) -> Manifest:
    """``new`` as ``manager`` wrote it by any other way: it owns what it changed, and nobody else does.

    Where ``new`` says itself who owns what, that counts, and not what was so before.
    """
    base = live or {"apiVersion": new["apiVersion"], "kind": new["kind"], "metadata": {}}
    said = new if new["metadata"].get("managedFields") else base
    owners = _owners(said)
    before, after = leaves(base), leaves(new)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    removed = before.keys() - after.keys()
    me = _Manager(manager, "Update", new["apiVersion"])
    for theirs in owners.values():
        theirs -= changed | removed
    if changed:
        owners.setdefault(me, set()).update(changed)
    return _with_owners(new, said, owners, time)


def _owners(manifest: Manifest) -> _Owners:
    return {
        _Manager(entry["manager"], entry["operation"], entry["apiVersion"]): from_fields_v1(entry["fieldsV1"])
        for entry in manifest["metadata"].get("managedFields") or ()
    }


def _with_owners(manifest: Manifest, before: Manifest, owners: _Owners, time: str) -> Manifest:
    known = {
        (entry["manager"], entry["operation"], entry["apiVersion"]): entry
        for entry in before["metadata"].get("managedFields") or ()
    }
    entries = [_entry(manager, paths, known.get(manager), time) for manager, paths in owners.items() if paths]
    metadata = {**manifest["metadata"], "managedFields": sorted(entries, key=_order)}
    if not entries:
        del metadata["managedFields"]
    return {**manifest, "metadata": metadata}


def _entry(manager: _Manager, paths: Iterable[Path], before: dict[str, Any] | None, time: str) -> dict[str, Any]:
    fields = to_fields_v1(paths)
    if before is not None and before["fieldsV1"] == fields:
        return before
    return {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.api_version,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }


def _order(entry: dict[str, Any]) -> tuple[str, str, str]:
    return entry["operation"], entry.get("time", ""), entry["manager"]
