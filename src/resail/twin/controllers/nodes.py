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


def fits_node(spec: dict[str, Any], node: Manifest, *, cordoned: bool = False) -> bool:
    """May a pod run there, by its ``nodeSelector``, the node's taints, and ``unschedulable`` unless ``cordoned`` is no matter?

    Affinities are not looked at.
    """
    labels = node["metadata"].get("labels") or {}
    if node["spec"].get("unschedulable") and not cordoned:
        return False
    return (spec.get("nodeSelector") or {}).items() <= labels.items() and all(
        taint["effect"] == "PreferNoSchedule" or any(_tolerates(one, taint) for one in spec.get("tolerations") or ())
        for taint in node["spec"].get("taints") or ()
    )


def _tolerates(toleration: dict[str, Any], taint: dict[str, Any]) -> bool:
    """https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#concepts"""
    if toleration.get("effect", taint["effect"]) != taint["effect"]:
        return False
    if toleration.get("operator") == "Exists":
        return bool(toleration.get("key", taint["key"]) == taint["key"])
    return bool(toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


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
        known = {"architecture": "amd64", "kubeletVersion": "v1.31.0", "operatingSystem": "linux"}
        status["nodeInfo"] = {**known, **status.get("nodeInfo", {})}

    def _is_lost(self, pod: Manifest) -> None:
        set_condition(pod["status"], "Ready", False, self._store.clock.timestamp(), reason="NodeLost")
