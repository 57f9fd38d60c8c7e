"""Looks whether objects or fields of others are in the way of the releases of a hop; nothing is written."""

from collections.abc import Mapping, Sequence

from resail.cluster import Cluster, ClusterReader, get_if_there
from resail.errors import ApiInvalidError, ForbiddenError
from resail.installers.detect import owner_of
from resail.installers.foreign import Seen, foreign_managers
from resail.installers.stored_releases import StoredReleases, patched_by_istiod
from resail.models.essence import essence
from resail.models.identity import Manifest, ObjectRef
from resail.models.rendering import IstioctlRequest
from resail.operations.cluster_choice import connect_to
from resail.operations.inspect import MeshChoice
from resail.plan.drafting import Draft, ReleasePart
from resail.plan.obstacles import ISTIOCTL, InTheWay, StrangeObject

__all__ = ["find_obstacles"]

_FROM_A_FILE = "the plan was made from a file"
_MANAGED_BY = "app.kubernetes.io/managed-by"


async def find_obstacles(mesh: MeshChoice, drafted: Draft, rendered: Sequence[tuple[Manifest, ...]]) -> Mapping[str, InTheWay]:
    """What is in the way of each Helm release, by ``namespace/name``, and of istioctl, by ``ISTIOCTL``.

    Args:
        mesh: where the plan is made; a saved one cannot be asked.
        drafted: the hop.
        rendered: what its requests render.

    Raises:
        ClusterUnreachableError: the API does not answer.
    """
    # A release may be written twice in a hop: the base chart's, once more for the default validator.
    parts: dict[str, tuple[ReleasePart, list[Manifest]]] = {}
    for part, objects in drafted.releases(rendered):
        parts.setdefault(part.release, (part, []))[1].extend(objects)
    by_istioctl = _of_istioctl(drafted, rendered)
    if mesh.saved:
        return dict.fromkeys([*parts, *([ISTIOCTL] if by_istioctl else [])], InTheWay(unprobed=_FROM_A_FILE))
    async with connect_to(mesh.cluster) as connection:
        cluster = connection.cluster
        found = {release: await _probe(cluster, part, objects) for release, (part, objects) in parts.items()}
        return {**found, ISTIOCTL: await _probe_for_istioctl(cluster, by_istioctl)}


def _of_istioctl(drafted: Draft, rendered: Sequence[tuple[Manifest, ...]]) -> list[ObjectRef]:
    """What istioctl renders and has not installed."""
    snapshot = drafted.chosen.snapshot
    known = {ObjectRef.of(manifest) for one in snapshot.istioctl_components for manifest in one.objects}
    known |= {tag.webhook for tag in snapshot.tags} | {ObjectRef.of(tag.validator) for tag in snapshot.tags if tag.validator}
    pairs = zip(drafted.requests, rendered, strict=True)
    wanted = {ObjectRef.of(one) for request, objects in pairs if isinstance(request, IstioctlRequest) for one in objects}
    return sorted(wanted - known)


async def _probe_for_istioctl(reader: ClusterReader, refs: Sequence[ObjectRef]) -> InTheWay:
    try:
        found = [live for ref in refs if (live := await get_if_there(reader, ref)) is not None]
    except ForbiddenError as error:
        return InTheWay(unprobed=str(error))
    strange = [live for live in found if owner_of(live).method != "istioctl"]
    return InTheWay(tuple(StrangeObject(essence(live), _owner(live)) for live in strange))


async def _probe(cluster: Cluster, part: ReleasePart, rendered: Sequence[Manifest]) -> InTheWay:
    known = {ObjectRef.of(manifest) for manifest in (part.running.objects if part.running else ())}
    try:
        strange = [
            _strange(live, part.release)
            for ref in sorted(set(map(ObjectRef.of, rendered)) - known)
            if (live := await get_if_there(cluster, ref)) is not None
        ]
        found = await StoredReleases(cluster, cluster).conflicts(part.release, rendered)
        conflicts = tuple(sorted({conflict for conflict in found if not patched_by_istiod(conflict)}))
        contested = [await cluster.get(ref) for ref in sorted({conflict.object for conflict in conflicts})]
    except (ForbiddenError, ApiInvalidError) as error:
        return InTheWay(unprobed=str(error))
    return InTheWay(tuple(one for one in strange if one is not None), conflicts, tuple(map(essence, contested)))


def _strange(live: Manifest, release: str) -> StrangeObject | None:
    """None where Helm would take it for the release's own (``checkOwnership`` in ``pkg/action/validate.go`` of Helm)."""
    marked = owner_of(live)
    labels = live["metadata"].get("labels") or {}
    if marked.release == release and labels.get(_MANAGED_BY) == "Helm":
        return None
    managers = foreign_managers(Seen(objects=(live,), istiods=()))
    return StrangeObject(essence(live), _owner(live), marked.release, "; ".join(map(str, managers)))


def _owner(live: Manifest) -> str:
    writers = sorted({str(entry.get("manager")) for entry in live["metadata"].get("managedFields") or ()})
    return f"{owner_of(live).evidence}; written by {', '.join(writers) or 'nobody known'}"
