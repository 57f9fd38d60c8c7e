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
_UNFIT = "node(s) didn't match Pod's node affinity/selector"


class Scheduler:
    """Requests, ``nodeSelector``, ``nodeName``. The emptiest node is taken, as the real one tends to.

    What is counted here follows from the objects; it is kept up to date, since every pod is compared with every node.
    """

    def __init__(self, server: Server) -> None:
        self._store = server.store
        self._has: dict[str, _Amount] = {}
        """Node → what it can hold."""
        self._used: dict[str, _Amount] = {}
        """Node → what its pods request."""
        self._load: dict[str, tuple[float, int, str]] = {}
        """Node → how full it is, to sort by."""
        self._counted: dict[Key, tuple[str, _Amount]] = {}
        """Pod → its node, and what it adds there."""
        self._waiting: dict[Key, None] = {}

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "Node":
            self._measure(change.key.name, change.after)
            yield from self._waiting
        elif change.key.kind == "Pod":
            freed = self._count(change.key, change.after)
            if change.after is not None and not change.after["spec"].get("nodeName"):
                yield change.key
            elif freed:
                yield from self._waiting

    def _measure(self, name: str, node: Manifest | None) -> None:
        if node is None:
            self._has.pop(name, None)
            self._load.pop(name, None)
        else:
            self._has[name] = _allocatable(node)
            self._weigh(name)

    def _count(self, key: Key, pod: Manifest | None) -> bool:
        """Returns whether something was freed."""
        occupies = pod is not None and _occupies(pod)
        if occupies == (key in self._counted):
            return False
        if pod is not None and occupies:
            node, amount, sign = pod["spec"]["nodeName"], _requests(pod), 1
            self._counted[key] = (node, amount)
        else:
            (node, amount), sign = self._counted.pop(key), -1
        self._used[node] = self._used.get(node, _NONE).plus(amount, sign)
        self._weigh(node)
        return sign < 0

    def _weigh(self, node: str) -> None:
        has, used = self._has.get(node), self._used.get(node, _NONE)
        if has is not None:
            self._load[node] = (used.cpu / max(1, has.cpu) + used.memory / max(1, has.memory), used.pods, node)

    def reconcile(self, key: Key) -> float | None:
        pod = self._store.get(key)
        self._waiting.pop(key, None)
        if pod is None or pod["spec"].get("nodeName") or "deletionTimestamp" in pod["metadata"]:
            return None
        wanted = _requests(pod)
        now = self._store.clock.timestamp()
        chosen = next((name for _, _, name in sorted(self._load.values()) if self._takes(name, pod, wanted)), None)
        if chosen is not None:

            def bind(new: Manifest) -> None:
                new["spec"]["nodeName"] = chosen
                set_condition(new["status"], "PodScheduled", True, now)

            self._store.edit(key, bind)
            return None
        self._waiting[key] = None
        told = self._told(pod, wanted)
        self._store.edit(
            key, lambda new: set_condition(new["status"], "PodScheduled", False, now, reason="Unschedulable", message=told)
        )
        return None

    def _takes(self, name: str, pod: Manifest, wanted: _Amount) -> bool:
        node = self._store.get(Key("Node", "", name))
        return node is not None and fits_node(pod["spec"], node) and not self._lacks(name, wanted)

    def _lacks(self, node: str, wanted: _Amount) -> list[str]:
        has, used = self._has[node], self._used.get(node, _NONE).plus(wanted)
        lacking = {
            "Insufficient cpu": used.cpu > has.cpu and wanted.cpu,
            "Insufficient memory": used.memory > has.memory and wanted.memory,
        }
        return [name for name, lacks in {**lacking, "Too many pods": used.pods > has.pods}.items() if lacks]

    def _told(self, pod: Manifest, wanted: _Amount) -> str:
        nodes = self._store.all("Node")
        reasons: dict[str, int] = {}
        for node in nodes:
            matches = fits_node(pod["spec"], node)
            why = self._lacks(node["metadata"]["name"], wanted) if matches else [_UNFIT]
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
