"""No CRD goes with a release: deleting one deletes all objects of its kind, which nothing brings back.

Helm deletes with a rollback or an upgrade what only the manifest before has, unless the live object asks to be kept; and with an
uninstallation what the stored manifest has, unless it asks so there (``pkg/kube/client.go``, ``pkg/action/resource_policy.go``
of Helm). Of Istio's CRDs that of WorkloadGroup does not ask. ``istioctl uninstall --revision`` and the pruning of ``istioctl
install`` know no CRDs, and the Sail Operator renders none.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from resail.cluster import ClusterReader, get_if_there
from resail.engine.context import Context, StepFailedError
from resail.engine.settling import CRD
from resail.errors import NotFoundError
from resail.models.identity import Manifest, ObjectRef
from resail.snapshot.stored_kinds import stored_kind

__all__ = ["KEEP", "crds_to_mark", "keep_crds_that_would_go", "objects_in_the_way", "refuse_to_drop_used_crds"]

KEEP = {"helm.sh/resource-policy": "keep"}


class _Named(msgspec.Struct):
    metadata: dict[str, Any]


async def keep_crds_that_would_go(context: Context, before: Iterable[Manifest], goal: Iterable[Manifest]) -> tuple[str, ...]:
    """Before Helm goes back: each CRD that it would delete, used or not, is told to stay, as CRDs stay at the target.

    Args:
        context: the run.
        before: what Helm may take for the present state.
        goal: what it goes back to.

    Returns: the CRDs that stay by that.
    """
    marked = await crds_to_mark(context.reader, before, goal)
    for ref in marked:
        await context.writer.patch(ref, {"metadata": {"annotations": KEEP}})
    return tuple(ref.name for ref in marked)


async def crds_to_mark(reader: ClusterReader, before: Iterable[Manifest], goal: Iterable[Manifest]) -> tuple[ObjectRef, ...]:
    """The CRDs that are there, are not in the goal, and do not ask to be kept."""
    stay = {ObjectRef.of(manifest) for manifest in goal}
    marked = []
    for ref in sorted(_crds(before) - stay):
        live = await get_if_there(reader, ref)
        if live is not None and not _asks_to_stay(live):
            marked.append(ref)
    return tuple(marked)


async def refuse_to_drop_used_crds(reader: ClusterReader, manifests: Iterable[Manifest], on: str) -> None:
    """Before CRDs are deleted, or uninstalled with a release.

    Args:
        reader: of the cluster.
        manifests: the objects that go, as they are stored; those that ask there to be kept do not.
        on: what would delete them.

    Raises:
        StepFailedError: there are objects of theirs.
    """
    found = await objects_in_the_way(reader, manifests)
    if found:
        raise StepFailedError(
            f"a CRD would go with it, and with that all its objects: {'; '.join(found)}",
            on=on,
            next_step="save and remove these objects, or take the CRD out of the release; then run `resail resume`",
        )


async def objects_in_the_way(reader: ClusterReader, manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """In words: each CRD among the objects that go that is used, and by what."""
    told = []
    for manifest in manifests:
        if manifest["kind"] != CRD or _asks_to_stay(manifest):
            continue
        live = await get_if_there(reader, ObjectRef.of(manifest))
        used = await _objects_of(reader, live) if live is not None else ()
        if used:
            more = f" and {len(used) - 3} more" if len(used) > 3 else ""
            told.append(f"{manifest['metadata']['name']} has {', '.join(used[:3])}{more}")
    return tuple(told)


async def _objects_of(reader: ClusterReader, crd: Manifest) -> Sequence[str]:
    try:
        found = await reader.list_shapes(stored_kind(crd), _Named)
    except NotFoundError:
        return ()
    return sorted("/".join(filter(None, (one.metadata.get("namespace"), one.metadata["name"]))) for one in found)


def _crds(manifests: Iterable[Manifest]) -> set[ObjectRef]:
    return {ObjectRef.of(manifest) for manifest in manifests if manifest["kind"] == CRD}


def _asks_to_stay(manifest: Manifest) -> bool:
    return KEEP.items() <= (manifest["metadata"].get("annotations") or {}).items()
