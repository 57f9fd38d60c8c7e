"""Nodes: they are ready as soon as they are made, and pods of one that is gone go too."""

from collections.abc import Iterable
from typing import Any

from resail.models.identity import Manifest
from resail.twin.controllers.owners import key_of
from resail.twin.readiness import set_condition
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["NodeController", "fits_node"]

_COLLECTED = 40.0
"""Seconds after which the pods of a node that is gone are deleted: ``quarantineTime`` of the pod garbage collector."""


def fits_node(spec: dict[str, Any], node: Manifest) -> bool:
    """May a pod run there, by its ``nodeSelector`` and the node's ``unschedulable``? Taints and affinities are not looked at."""
    labels = node["metadata"].get("labels") or {}
    return (spec.get("nodeSelector") or {}).items() <= labels.items() and not node["spec"].get("unschedulable")


class NodeController:
    """Plays the node's kubelet, and the pod garbage collector."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "Node":
            yield change.key

    def reconcile(self, key: Key) -> float | None:
        timer = f"node-gone/{key.name}"
        if self._store.get(key) is not None:
            if timer in self._store.timers:
                self._store.set_timer(timer, None)
            self._store.edit(key, self._is_well)
            return None
        if timer not in self._store.timers:
            self._store.set_timer(timer, self._store.clock.monotonic() + _COLLECTED)
        lost = [pod for pod in self._store.all("Pod") if pod["spec"].get("nodeName") == key.name]
        left = self._store.timers[timer] - self._store.clock.monotonic()
        for pod in lost:
            if left <= 0:
                self._store.remove(key_of("Pod", pod))
            else:
                self._store.edit(key_of("Pod", pod), self._is_lost)
        return left if left > 0 else None

    def _is_well(self, node: Manifest) -> None:
        status = node.setdefault("status", {})
        now = self._store.clock.timestamp()
        set_condition(status, "Ready", True, now, reason="KubeletReady", message="kubelet is posting ready status")
        node["spec"].pop("taints", None)
        known = {"architecture": "amd64", "kubeletVersion": "v1.31.0", "operatingSystem": "linux"}
        status["nodeInfo"] = {**known, **status.get("nodeInfo", {})}

    def _is_lost(self, pod: Manifest) -> None:
        set_condition(pod["status"], "Ready", False, self._store.clock.timestamp(), reason="NodeLost")
