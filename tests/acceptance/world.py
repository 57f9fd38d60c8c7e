"""Everything that the API holds, but for what is exempt; read past resail, as the user ``observer``."""

from collections.abc import Iterable
from typing import Any

from resail.checks.differences import changed_fields
from resail.testbed.bed import Bed
from tests.acceptance.exemptions import ELECTION, FIELDS, KINDS, NAMES

World = dict[str, dict[str, Any]]


def world(bed: Bed) -> World:
    """``namespace/Kind/name`` → object, for each object of each kind that can be listed."""
    found: World = {}
    for path, kind in _collections(bed):
        if kind in KINDS:
            continue
        for item in bed.api("GET", path).json()["items"]:
            name = f"{kind}/{item['metadata']['name']}"
            elected = ELECTION in (item["metadata"].get("annotations") or {})
            if not elected and not name.startswith(tuple(NAMES)):
                found[f"{item['metadata'].get('namespace', '')}/{name}"] = item
    return found


def differences(before: World, after: World, *, also_exempt: Iterable[str] = ()) -> list[str]:
    """What differs, in words; empty where nothing does.

    Args:
        before: one state.
        after: another.
        also_exempt: beginnings of paths, besides those that are always exempt.
    """
    exempt = (*FIELDS, *also_exempt)
    told = [f"{name} is gone" for name in sorted(before.keys() - after.keys())]
    told += [f"{name} is new" for name in sorted(after.keys() - before.keys())]
    for name in sorted(before.keys() & after.keys()):
        fields = [
            path for path in changed_fields(before[name], after[name]) if not _exempt(path, before[name], after[name], exempt)
        ]
        told += [f"{name}: {path}" for path in fields]
    return told


def _exempt(path: str, before: dict[str, Any], after: dict[str, Any], exempt: tuple[str, ...]) -> bool:
    if path.startswith(exempt):
        return True
    # A template that had no annotations has them now, for the mark alone.
    if path in ("spec.template.metadata.annotations", "spec.template.metadata"):
        old = before["spec"]["template"].get("metadata") or {}
        new = after["spec"]["template"].get("metadata") or {}
        return set(new.get("annotations") or {}) - set(old.get("annotations") or {}) == {"resail.dev/restart"}
    return False


def kinds_of(bed: Bed) -> dict[tuple[str, str], str]:
    """API group and resource → kind, as discovery tells."""
    return {
        (path.split("/")[2] if path.startswith("/apis/") else "", path.rpartition("/")[2]): kind
        for path, kind in _collections(bed)
    }


def _collections(bed: Bed) -> list[tuple[str, str]]:
    found = [("/api/v1", resource) for resource in bed.api("GET", "/api/v1").json()["resources"]]
    for group in bed.api("GET", "/apis").json()["groups"]:
        root = f"/apis/{group['preferredVersion']['groupVersion']}"
        found += [(root, resource) for resource in bed.api("GET", root).json()["resources"]]
    return [
        (f"{root}/{resource['name']}", resource["kind"])
        for root, resource in found
        if "list" in resource["verbs"] and "/" not in resource["name"]
    ]
