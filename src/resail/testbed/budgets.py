"""A watcher of PodDisruptionBudgets that knows nothing of the engine: it counts healthy pods at every change of a pod."""

import math
import ssl
import threading
from typing import Any

import httpx2
import msgspec

from resail.testbed.bed import Bed

__all__ = ["BudgetWatcher", "Violation"]

Object = dict[str, Any]

_QUIET = 1.0
"""Seconds without an event after which the stream is taken to have told all."""


class Violation(msgspec.Struct, frozen=True):
    """A moment at which fewer pods were healthy than a budget asks for."""

    budget: str
    """``namespace/name``"""
    healthy: int
    needed: int
    pod: str
    """The pod whose change it came with."""


class BudgetWatcher:
    """Watches for the time of its ``with`` block; afterwards ``violations`` has what was seen.

    Percentages are taken of the pods at the start, so the mesh should be whole then and not be scaled meanwhile.
    """

    def __init__(self, bed: Bed) -> None:
        self.violations: list[Violation] = []
        self.events = 0
        """How many changes of pods were seen: a watcher that saw none proves nothing."""
        context = ssl.create_default_context(cafile=str(bed.layout.certificate))
        self._client = httpx2.Client(
            base_url=f"https://127.0.0.1:{bed.layout.ports().api}",
            verify=context,
            headers={"Authorization": "Bearer observer"},
            timeout=httpx2.Timeout(10, read=_QUIET),
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failure: Exception | None = None
        self._pods: dict[str, Object] = {}
        self._budgets: list[tuple[Object, int]] = []
        self._version = ""

    def __enter__(self) -> "BudgetWatcher":
        pods = self._client.get("/api/v1/pods").json()
        self._version = pods["metadata"]["resourceVersion"]
        self._pods = {pod["metadata"]["uid"]: pod for pod in pods["items"]}
        for budget in self._client.get("/apis/policy/v1/poddisruptionbudgets").json()["items"]:
            self._budgets.append((budget, _needed(budget, len(self._selected(budget)))))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._client.close()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as failure:
            self._failure = failure

    def _follow(self) -> None:
        """Until told to stop, and all that happened before has been seen."""
        while True:
            last = self._stopping.is_set()
            try:
                with self._client.stream(
                    "GET", "/api/v1/pods", params={"watch": "1", "resourceVersion": self._version}
                ) as answer:
                    for line in answer.iter_lines():
                        if line:
                            self._see(msgspec.json.decode(line))
            except httpx2.ReadTimeout:
                if last:
                    return

    def _see(self, event: Object) -> None:
        pod = event["object"]
        if event["type"] == "ERROR":
            raise RuntimeError(f"the watch ended: {pod}")
        self._version = pod["metadata"]["resourceVersion"]
        self.events += 1
        if event["type"] == "DELETED":
            self._pods.pop(pod["metadata"]["uid"], None)
        else:
            self._pods[pod["metadata"]["uid"]] = pod
        for budget, needed in self._budgets:
            healthy = sum(_healthy(one) for one in self._selected(budget))
            concerned = _matches(budget, pod)
            if concerned and healthy < needed:
                name = f"{budget['metadata']['namespace']}/{budget['metadata']['name']}"
                self.violations.append(Violation(name, healthy, needed, pod["metadata"]["name"]))

    def _selected(self, budget: Object) -> list[Object]:
        return [pod for pod in self._pods.values() if _matches(budget, pod)]


def _matches(budget: Object, pod: Object) -> bool:
    wanted = (budget["spec"].get("selector") or {}).get("matchLabels") or {}
    labels = pod["metadata"].get("labels") or {}
    same_namespace: bool = budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return same_namespace and bool(wanted) and wanted.items() <= labels.items()


def _healthy(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _needed(budget: Object, expected: int) -> int:
    spec = budget["spec"]
    if "minAvailable" in spec:
        return _count(spec["minAvailable"], expected)
    # The disruption controller rounds this one up too.
    return expected - _count(spec.get("maxUnavailable", 1), expected)


def _count(bound: int | str, expected: int) -> int:
    if isinstance(bound, str):
        return math.ceil(expected * int(bound.removesuffix("%")) / 100)
    return bound
