"""StatefulSets: pods with names of their own, one after the other.

The rules of Kubernetes 1.31, ``pkg/controller/statefulset/stateful_set_control.go``.
"""

from collections.abc import Iterable
from typing import Any

from resail.errors import ClusterApiError
from resail.models.identity import Manifest
from resail.twin.controllers.owners import key_of, owner_key
from resail.twin.controllers.pods import is_available, new_pod, until_available
from resail.twin.controllers.revisions import HASH, clean_up, ensure_revision, revisions_of, template_of
from resail.twin.readiness import is_ready
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["StatefulSetController"]

_AGAIN = 1.0  # seconds after which a pod that was refused is tried again


class StatefulSetController:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "StatefulSet" and change.after:
            yield change.key
        elif change.key.kind == "Pod":
            yield from owner_key(change.after or change.before or {}, "StatefulSet")

    def reconcile(self, key: Key) -> float | None:
        workload = self._store.get(key)
        if workload is None or "deletionTimestamp" in workload["metadata"]:
            return None
        update = ensure_revision(self._server, workload)
        current = self._current(workload, update)
        again = None
        try:
            self._act(workload, current, update)
        except ClusterApiError:
            again = _AGAIN
        status = self._status(workload, current, update)
        self._store.set_status(key, status)
        names = {status["currentRevision"], status["updateRevision"]}
        clean_up(self._server, workload, names | {_revision_of(pod) for pod in self._pods(workload).values()})
        return again or until_available(self._store, list(self._pods(workload).values()), _min_ready(workload))

    def _current(self, workload: Manifest, update: Manifest) -> Manifest:
        name = workload["status"].get("currentRevision")
        return next((one for one in revisions_of(self._server, workload) if one["metadata"]["name"] == name), update)

    def _pods(self, workload: Manifest) -> dict[int, Manifest]:
        """By their ordinals, those on their way out too."""
        found = {}
        for pod in self._store.owned(workload["metadata"]["uid"], "Pod"):
            ordinal = pod["metadata"]["name"].removeprefix(f"{workload['metadata']['name']}-")
            if ordinal.isdecimal():
                found[int(ordinal)] = pod
        return found

    def _act(self, workload: Manifest, current: Manifest, update: Manifest) -> None:
        """One step, or with the policy Parallel all that can be done at once."""
        spec = workload["spec"]
        first = (spec.get("ordinals") or {}).get("start", 0)
        wanted = range(first, first + spec["replicas"])
        pods = self._pods(workload)
        one_by_one = spec["podManagementPolicy"] == "OrderedReady"
        for ordinal in wanted:
            pod = pods.get(ordinal)
            if pod is not None and pod["status"]["phase"] in ("Failed", "Succeeded"):
                self._server.delete(key_of("Pod", pod))
                return
            if pod is None:
                self._create(workload, ordinal, current if ordinal < first + _partition(workload) else update)
                if one_by_one:
                    return
            elif one_by_one and not self._is_healthy(workload, pod):
                return
        for ordinal in sorted((one for one in pods if one not in wanted), reverse=True):
            if "deletionTimestamp" not in pods[ordinal]["metadata"]:
                self._server.delete(key_of("Pod", pods[ordinal]))
            if one_by_one:
                return
        if spec["updateStrategy"]["type"] == "RollingUpdate":
            # With those that were just made: the rollout waits for them too.
            pods = self._pods(workload)
            least = first + _partition(workload)
            self._update(workload, update, [pods[one] for one in reversed(wanted) if one in pods and one >= least])

    def _update(self, workload: Manifest, update: Manifest, pods: list[Manifest]) -> None:
        """The highest first; each ready before the next goes."""
        for pod in pods:
            if _revision_of(pod) != update["metadata"]["name"] and "deletionTimestamp" not in pod["metadata"]:
                self._server.delete(key_of("Pod", pod))
                return
            if not self._is_healthy(workload, pod):
                return

    def _is_healthy(self, workload: Manifest, pod: Manifest) -> bool:
        return "deletionTimestamp" not in pod["metadata"] and is_available(self._store, pod, _min_ready(workload))

    def _create(self, workload: Manifest, ordinal: int, revision: Manifest) -> None:
        name = f"{workload['metadata']['name']}-{ordinal}"
        labels = {
            "apps.kubernetes.io/pod-index": str(ordinal),
            "statefulset.kubernetes.io/pod-name": name,
            HASH: revision["metadata"]["name"],
        }
        pod = new_pod(workload, template_of(revision), labels, name=name)
        pod["spec"] |= {"hostname": name, "subdomain": workload["spec"].get("serviceName", "")}
        self._server.create(pod)

    def _status(self, workload: Manifest, current: Manifest, update: Manifest) -> dict[str, Any]:
        pods = list(self._pods(workload).values())
        staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        counts = {
            "replicas": len(pods),
            "readyReplicas": sum(is_ready(pod) for pod in pods),
            "availableReplicas": sum(is_available(self._store, pod, _min_ready(workload)) for pod in pods),
            "currentReplicas": sum(_revision_of(pod) == current["metadata"]["name"] for pod in staying),
            "updatedReplicas": sum(_revision_of(pod) == update["metadata"]["name"] for pod in staying),
        }
        rolls = workload["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        if rolls and counts["updatedReplicas"] == counts["replicas"] == counts["readyReplicas"]:
            current = update
            counts["currentReplicas"] = counts["updatedReplicas"]
        kept = {name: count for name, count in counts.items() if count or name in ("replicas", "availableReplicas")}
        return {
            **kept,
            "collisionCount": 0,
            "currentRevision": current["metadata"]["name"],
            "observedGeneration": workload["metadata"]["generation"],
            "updateRevision": update["metadata"]["name"],
        }


def _partition(workload: Manifest) -> int:
    strategy = workload["spec"]["updateStrategy"]
    return int((strategy.get("rollingUpdate") or {}).get("partition", 0)) if strategy["type"] == "RollingUpdate" else 0


def _min_ready(workload: Manifest) -> int:
    return int(workload["spec"].get("minReadySeconds", 0))


def _revision_of(pod: Manifest) -> str:
    """Its name."""
    return str((pod["metadata"].get("labels") or {}).get(HASH, ""))
