"""ReplicaSets keep as many pods as they say."""

from collections.abc import Iterable
from typing import Any

from resail.errors import ClusterApiError
from resail.models.identity import Manifest
from resail.twin.controllers.owners import key_of, owner_key
from resail.twin.controllers.pods import active_pods, is_available, new_pod, until_available
from resail.twin.readiness import condition, is_ready
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["ReplicaSetController"]

_AGAIN = 1.0  # seconds after which a pod that was refused is tried again


class ReplicaSetController:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "ReplicaSet" and change.after:
            yield change.key
        elif change.key.kind == "Pod":
            yield from owner_key(change.after or change.before or {}, "ReplicaSet")

    def reconcile(self, key: Key) -> float | None:
        replica_set = self._store.get(key)
        if replica_set is None:
            return None
        refused = ""
        if "deletionTimestamp" not in replica_set["metadata"]:
            refused = self._scale(replica_set, active_pods(self._store, replica_set))
        pods = active_pods(self._store, replica_set)
        min_ready = replica_set["spec"].get("minReadySeconds", 0)
        status = self._status(replica_set, pods, min_ready, refused)
        self._store.set_status(key, status)
        return _AGAIN if refused else until_available(self._store, pods, min_ready)

    def _scale(self, replica_set: Manifest, pods: list[Manifest]) -> str:
        """Returns why a pod was refused; empty where none was."""
        surplus = len(pods) - replica_set["spec"]["replicas"]
        for _ in range(-surplus):
            try:
                self._server.create(new_pod(replica_set, replica_set["spec"]["template"]))
            except ClusterApiError as error:
                return error.what
        for pod in sorted(pods, key=self._rank)[: max(0, surplus)]:
            self._server.delete(key_of("Pod", pod))
        return ""

    def _rank(self, pod: Manifest) -> tuple[Any, ...]:
        """Which goes first: unscheduled, then not running, then unready ones, then those ready for the shortest time."""
        ready = condition(pod, "Ready") or {}
        since = ready.get("lastTransitionTime", "") if is_ready(pod) else ""
        version = int(pod["metadata"]["resourceVersion"])
        running = pod["status"]["phase"] == "Running"
        return (bool(pod["spec"].get("nodeName")), running, is_ready(pod), _Newest(since), -version, pod["metadata"]["name"])

    def _status(self, replica_set: Manifest, pods: list[Manifest], min_ready: int, refused: str) -> dict[str, Any]:
        template = (replica_set["spec"]["template"]["metadata"].get("labels") or {}).items()
        status: dict[str, Any] = {
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(template <= (pod["metadata"].get("labels") or {}).items() for pod in pods),
            "readyReplicas": sum(map(is_ready, pods)),
            "availableReplicas": sum(is_available(self._store, pod, min_ready) for pod in pods),
        }
        status = {name: count for name, count in status.items() if count or name == "replicas"}
        status["observedGeneration"] = replica_set["metadata"]["generation"]
        if refused:
            before = condition(replica_set, "ReplicaFailure")
            since = before["lastTransitionTime"] if before else self._store.clock.timestamp()
            failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": refused}
            status["conditions"] = [{**failure, "lastTransitionTime": since}]
        return status


class _Newest(str):
    """Sorts later moments first."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)
