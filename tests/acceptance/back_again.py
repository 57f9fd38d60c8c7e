"""What a rollback restarts: each pod that is made meanwhile, held against those that had moved before it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from resail.models.identity import Manifest, ObjectRef
from resail.operations.cluster_choice import ClusterChoice, Connection, connect_to
from resail.testbed.bed import Bed
from resail.twin.cluster import TwinCluster
from resail.twin.store import Change

__all__ = ["PodsMade", "pods_and_owners", "wrongly_restarted"]


class PodsMade:
    """Connects as ``connect_to``, and remembers what stood on the twin at first and each pod that is made from then on."""

    def __init__(self, found: Iterable[Manifest] = (), made: Iterable[Manifest] = ()) -> None:
        self.found = list(found)
        self.made = list(made)

    def so_far(self) -> "PodsMade":
        """For the one who goes on from a copy of the twin as it is now."""
        return PodsMade(self.found, self.made)

    @asynccontextmanager
    async def connect(self, choice: ClusterChoice, directory: Path | None) -> AsyncIterator[Connection]:
        async with connect_to(choice, directory) as connection:
            assert isinstance(connection.cluster, TwinCluster)
            store = connection.cluster.store
            self.found = self.found or [one for key in store.everything() if (one := store.get(key)) is not None]
            stop = store.listen(self._seen)
            try:
                yield connection
            finally:
                stop()

    def _seen(self, change: Change) -> None:
        if change.before is None and change.after is not None and change.after["kind"] == "Pod":
            self.made.append(change.after)


def pods_and_owners(bed: Bed) -> list[Manifest]:
    """All pods of a bed, and what owns them."""
    found = []
    for root, kind in (("v1", "Pod"), *(("apps/v1", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet"))):
        items = bed.api("GET", f"/{'api' if root == 'v1' else 'apis'}/{root}/{kind.lower()}s").json()["items"]
        found += [{"apiVersion": root, "kind": kind, **item} for item in items]
    return found


def wrongly_restarted(
    before: Sequence[Manifest], found: Sequence[Manifest], made: Sequence[Manifest], after: Sequence[Manifest]
) -> list[str]:
    """Workloads of which pods were replaced though none had moved, or more than once.

    Args:
        before: the objects before the run.
        found: those when the rollback began.
        made: the pods that were made since.
        after: the objects when it is through.
    """
    old, left, back = _by_workload(before), _by_workload(found), _by_workload(after)
    told = []
    for workload, pods in old.items():
        uids = _uids(pods)
        if _uids(left.get(workload, ())) == uids and _template(workload, found) == _template(workload, before):
            told += [] if _uids(back.get(workload, ())) == uids else [f"{workload} was restarted, and had not moved"]
            continue
        sorts = {_sort(pod) for pod in pods}
        # Those of another sort come of a restart that was under way: its pods, too, get the old sidecar once pointers are back.
        again = [pod for pod in made if _workload_of(pod) == workload and _sort(pod) in sorts]
        told += [f"{workload} of {len(uids)} pods was given {len(again)}"] if len(again) > len(uids) else []
    return told


def _by_workload(objects: Iterable[Manifest]) -> dict[str, list[Manifest]]:
    found: dict[str, list[Manifest]] = {}
    for item in objects:
        if item["kind"] == "Pod" and "deletionTimestamp" not in item["metadata"]:
            found.setdefault(_workload_of(item), []).append(item)
    return found


def _workload_of(pod: Manifest) -> str:
    place = pod["metadata"]["namespace"]
    owner = next(iter(pod["metadata"].get("ownerReferences") or ()), {"kind": "Pod", **pod["metadata"]})
    if owner["kind"] == "ReplicaSet":
        # Named after its Deployment.
        return f"{place}/Deployment/{owner['name'].rpartition('-')[0]}"
    return f"{place}/{owner['kind']}/{owner['name']}"


def _uids(pods: Iterable[Manifest]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods}


def _template(workload: str, objects: Iterable[Manifest]) -> object:
    return next((item["spec"]["template"] for item in objects if str(ObjectRef.of(item)) == workload), None)


def _sort(pod: Manifest) -> tuple[str, ...]:
    """What it runs, and of which template of its workload's."""
    metadata, spec = pod["metadata"], pod["spec"]
    labels = metadata.get("labels") or {}
    template = labels.get("pod-template-hash") or labels.get("controller-revision-hash") or ""
    images = [container["image"] for container in [*spec.get("initContainers", ()), *spec["containers"]]]
    return (template, (metadata.get("annotations") or {}).get("istio.io/rev", ""), *images)
