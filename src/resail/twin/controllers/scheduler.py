"""The scheduler: a node for each pod, by what the pod requests and the node has."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from resail.models.identity import Manifest
from resail.models.quantities import cpu_millis, parse_quantity
from resail.twin.controllers.nodes import fits_node
from resail.twin.readiness import set_condition
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["Scheduler"]


class _Amount(NamedTuple):
    cpu: int
    """Thousandths of a core."""
    memory: int
    pods: int

    def plus(self, other: "_Amount", sign: int = 1) -> "_Amount":
        return _Amount(self.cpu + sign * other.cpu, self.memory + sign * other.memory, self.pods + sign * other.pods)


_NONE = _Amount(0, 0, 0)


class Scheduler:
    """Requests, ``nodeSelector``, ``nodeName``. The emptiest node is taken, as the real one tends to."""

    def __init__(self, server: Server) -> None:
        self._store = server.store
        self._used: dict[str, _Amount] = {}
        """Node → what its pods request; counted as they come and go."""
        self._waiting: dict[Key, None] = {}

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "Node":
            yield from self._waiting
        elif change.key.kind == "Pod":
            freed = self._count(change.before, -1)
            self._count(change.after, 1)
            if change.after is not None and not change.after["spec"].get("nodeName"):
                yield change.key
            elif freed and (change.after is None or not _occupies(change.after)):
                yield from self._waiting

    def _count(self, pod: Manifest | None, sign: int) -> bool:
        if pod is None or not _occupies(pod):
            return False
        node = pod["spec"]["nodeName"]
        self._used[node] = self._used.get(node, _NONE).plus(_requests(pod), sign)
        return True

    def reconcile(self, key: Key) -> float | None:
        pod = self._store.get(key)
        self._waiting.pop(key, None)
        if pod is None or pod["spec"].get("nodeName") or "deletionTimestamp" in pod["metadata"]:
            return None
        wanted = _requests(pod)
        nodes = [node for key in self._store.keys("Node") if (node := self._store.get(key)) is not None]
        open_nodes = [node for node in nodes if fits_node(pod["spec"], node)]
        fitting = [node for node in open_nodes if not self._lacks(node, wanted)]
        now = self._store.clock.timestamp()
        if fitting:
            chosen = min(fitting, key=self._load)["metadata"]["name"]

            def bind(new: Manifest) -> None:
                new["spec"]["nodeName"] = chosen
                set_condition(new["status"], "PodScheduled", True, now)

            self._store.edit(key, bind)
            return None
        self._waiting[key] = None
        told = self._told(nodes, open_nodes, wanted)
        self._store.edit(
            key, lambda new: set_condition(new["status"], "PodScheduled", False, now, reason="Unschedulable", message=told)
        )
        return None

    def _lacks(self, node: Manifest, wanted: _Amount) -> list[str]:
        has, used = _allocatable(node), self._used.get(node["metadata"]["name"], _NONE).plus(wanted)
        lacking = {
            "Insufficient cpu": used.cpu > has.cpu and wanted.cpu,
            "Insufficient memory": used.memory > has.memory and wanted.memory,
        }
        return [name for name, lacks in {**lacking, "Too many pods": used.pods > has.pods}.items() if lacks]

    def _load(self, node: Manifest) -> tuple[float, int, str]:
        has, used = _allocatable(node), self._used.get(node["metadata"]["name"], _NONE)
        return (used.cpu / max(1, has.cpu) + used.memory / max(1, has.memory), used.pods, node["metadata"]["name"])

    def _told(self, nodes: list[Manifest], open_nodes: list[Manifest], wanted: _Amount) -> str:
        reasons: dict[str, int] = {}
        for node in nodes:
            why = self._lacks(node, wanted) if node in open_nodes else ["node(s) didn't match Pod's node affinity/selector"]
            for one in why:
                reasons[one] = reasons.get(one, 0) + 1
        counted = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        return f"0/{len(nodes)} nodes are available: {counted}." if nodes else "no nodes available to schedule pods"


def _occupies(pod: Manifest) -> bool:
    return bool(pod["spec"].get("nodeName")) and pod["status"]["phase"] not in ("Succeeded", "Failed")


def _requests(pod: Manifest) -> _Amount:
    """As the scheduler counts: containers together, but no less than the largest init container."""
    spec = pod["spec"]
    starters = spec.get("initContainers") or ()
    staying = [*spec["containers"], *(one for one in starters if one.get("restartPolicy") == "Always")]
    passing = [one for one in starters if one.get("restartPolicy") != "Always"]
    cpu = max(sum(map(_cpu, staying)), max(map(_cpu, passing), default=0))
    memory = max(sum(map(_memory, staying)), max(map(_memory, passing), default=0))
    return _Amount(cpu, memory, 1)


def _asked(container: dict[str, Any], name: str) -> str:
    return str(((container.get("resources") or {}).get("requests") or {}).get(name, "0"))


def _cpu(container: dict[str, Any]) -> int:
    return cpu_millis(_asked(container, "cpu"))


def _memory(container: dict[str, Any]) -> int:
    return int(parse_quantity(_asked(container, "memory")))


def _allocatable(node: Manifest) -> _Amount:
    has = (node.get("status") or {}).get("allocatable") or {}
    pods = int(parse_quantity(str(has.get("pods", "110"))))
    return _Amount(cpu_millis(str(has.get("cpu", "0"))), int(parse_quantity(str(has.get("memory", "0")))), pods)
