"""DaemonSets: a pod on each node that it selects.

The rules of Kubernetes 1.31, ``pkg/controller/daemon/update.go``.
"""

from collections.abc import Iterable
from typing import Any

from resail.errors import ClusterApiError
from resail.models.identity import Manifest
from resail.models.quantities import absolute
from resail.twin.controllers.nodes import fits_node
from resail.twin.controllers.owners import key_of, owner_key
from resail.twin.controllers.pods import active_pods, is_available, new_pod, until_available
from resail.twin.controllers.revisions import HASH, clean_up, ensure_revision
from resail.twin.readiness import is_ready
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["DaemonSetController"]

_AGAIN = 1.0  # seconds after which a pod that was refused is tried again


class DaemonSetController:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "DaemonSet" and change.after:
            yield change.key
        elif change.key.kind == "Pod":
            yield from owner_key(change.after or change.before or {}, "DaemonSet")
        elif change.key.kind == "Node":
            yield from self._store.keys("DaemonSet")

    def reconcile(self, key: Key) -> float | None:
        workload = self._store.get(key)
        if workload is None or "deletionTimestamp" in workload["metadata"]:
            return None
        mark = ensure_revision(self._server, workload)["metadata"]["labels"][HASH]
        again = None
        try:
            self._place(workload, mark)
            if workload["spec"]["updateStrategy"]["type"] == "RollingUpdate":
                self._update(workload, mark)
        except ClusterApiError:
            again = _AGAIN
        status = self._status(workload, mark)
        self._store.set_status(key, status)
        name = workload["metadata"]["name"]
        clean_up(
            self._server, workload, {f"{name}-{_mark_of(pod)}" for pod in active_pods(self._store, workload)} | {f"{name}-{mark}"}
        )
        return again or until_available(self._store, active_pods(self._store, workload), _min_ready(workload))

    def _nodes(self, workload: Manifest) -> list[str]:
        names = (key.name for key in self._store.keys("Node"))
        spec = workload["spec"]["template"]["spec"]
        return [name for name in names if fits_node(spec, self._store.get(Key("Node", "", name)) or {}, cordoned=True)]

    def _by_node(self, workload: Manifest) -> dict[str, list[Manifest]]:
        found: dict[str, list[Manifest]] = {}
        for pod in active_pods(self._store, workload):
            found.setdefault(pod["spec"].get("nodeName", ""), []).append(pod)
        return found

    def _place(self, workload: Manifest, mark: str) -> None:
        """A pod where there is none, none where there should not be one."""
        nodes, by_node = self._nodes(workload), self._by_node(workload)
        for node, pods in by_node.items():
            if node not in nodes:
                for pod in pods:
                    self._server.delete(key_of("Pod", pod))
        for node in nodes:
            if not by_node.get(node):
                self._create(workload, node, mark)

    def _create(self, workload: Manifest, node: str, mark: str) -> None:
        pod = new_pod(workload, workload["spec"]["template"], {HASH: mark})
        # The real one leaves binding to the scheduler, by an affinity to the node.
        pod["spec"]["nodeName"] = node
        self._server.create(pod)

    def _update(self, workload: Manifest, mark: str) -> None:
        nodes, by_node = self._nodes(workload), self._by_node(workload)
        rolling = workload["spec"]["updateStrategy"]["rollingUpdate"]
        surge = absolute(rolling["maxSurge"], len(nodes), round_up=True, default=0)
        unavailable = absolute(rolling["maxUnavailable"], len(nodes), round_up=True, default=1)
        if surge:
            self._update_with_surge(workload, nodes, by_node, mark, surge)
            return
        missing = sum(not any(self._is_available(workload, pod) for pod in by_node.get(node, ())) for node in nodes)
        room = max(0, max(unavailable, 1) - missing)
        for node in nodes:
            for pod in by_node.get(node, ()):
                if _mark_of(pod) != mark:
                    if not self._is_available(workload, pod):
                        # It is missed already.
                        self._server.delete(key_of("Pod", pod))
                    elif room:
                        room -= 1
                        self._server.delete(key_of("Pod", pod))

    def _update_with_surge(
        self, workload: Manifest, nodes: list[str], by_node: dict[str, list[Manifest]], mark: str, surge: int
    ) -> None:
        """The new one beside the old one, which goes when the new one is there."""
        doubled = [node for node in nodes if len(by_node.get(node, ())) > 1]
        room = surge - len(doubled)
        for node in nodes:
            old = [pod for pod in by_node.get(node, ()) if _mark_of(pod) != mark]
            new = [pod for pod in by_node.get(node, ()) if _mark_of(pod) == mark]
            if old and any(self._is_available(workload, pod) for pod in new):
                for pod in old:
                    self._server.delete(key_of("Pod", pod))
            elif old and not new and room > 0:
                room -= 1
                self._create(workload, node, mark)

    def _is_available(self, workload: Manifest, pod: Manifest) -> bool:
        return is_available(self._store, pod, _min_ready(workload))

    def _status(self, workload: Manifest, mark: str) -> dict[str, Any]:
        nodes, by_node = self._nodes(workload), self._by_node(workload)
        # Of two on a node the new one counts.
        on_nodes = [max(by_node[node], key=lambda pod: _mark_of(pod) == mark) for node in nodes if by_node.get(node)]
        ready = [any(map(is_ready, by_node.get(node, ()))) for node in nodes]
        available = sum(any(self._is_available(workload, pod) for pod in by_node.get(node, ())) for node in nodes)
        status = {
            "currentNumberScheduled": len(on_nodes),
            "desiredNumberScheduled": len(nodes),
            "numberMisscheduled": sum(node not in nodes for node in by_node),
            "numberReady": sum(ready),
            "observedGeneration": workload["metadata"]["generation"],
        }
        updated = sum(_mark_of(pod) == mark for pod in on_nodes)
        more = {"updatedNumberScheduled": updated, "numberAvailable": available, "numberUnavailable": len(nodes) - available}
        return {**status, **{name: count for name, count in more.items() if count}}


def _min_ready(workload: Manifest) -> int:
    return int(workload["spec"].get("minReadySeconds", 0))


def _mark_of(pod: Manifest) -> str:
    return str((pod["metadata"].get("labels") or {}).get(HASH, ""))
