"""What will be written beside what runs in its place."""

from collections.abc import Iterator

import msgspec

from resail.checks.hazards.case import Case
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import group_kind

__all__ = ["Pair", "pairs_of"]

_Key = tuple[str, str, str]


class Pair(msgspec.Struct, frozen=True):
    """One object that the target renders."""

    object: Manifest
    running: Manifest | None = None
    """The one of the same name; where a new revision is installed, that of the revision before. None: there is none."""


def pairs_of(case: Case) -> tuple[Pair, ...]:
    """All objects that a hop renders, each once.

    What runs is taken from the cluster, or as the installer stored it where the cluster has it no longer, as on a later hop.
    """
    rendered = {ObjectRef.of(one): one for part in case.parts for one in part.rendered or ()}
    running: dict[_Key, Manifest] = {}
    for manifest in _running(case):
        running[_key(manifest, "")] = manifest
    before = {_key(one, case.revision): one for one in running.values() if _is_of(one, case.revision)}
    return tuple(
        Pair(one, running.get(_key(one, "")) or before.get(_key(one, case.new_revision))) for _, one in sorted(rendered.items())
    )


def _running(case: Case) -> Iterator[Manifest]:
    """The later ones count."""
    for part in case.parts:
        yield from part.running
    refs = {ObjectRef.of(one) for part in case.parts for one in part.rendered or ()}
    for kind in {group_kind(ref.api_version, ref.kind) for ref in refs}:
        yield from case.objects.by_kind.get(kind, ())


def _is_of(manifest: Manifest, revision: str) -> bool:
    """May it be an object of this revision? What is of the default one has no revision in its name."""
    return revision == "default" or f"-{revision}" in ObjectRef.of(manifest).name


def _key(manifest: Manifest, revision: str) -> _Key:
    ref = ObjectRef.of(manifest)
    name = ref.name.replace(f"-{revision}", "") if revision else ref.name
    return group_kind(ref.api_version, ref.kind), ref.namespace, name
