"""Watches PodDisruptionBudgets from outside: pods are counted here at each change of one, and no status is believed."""

import math
import ssl
import threading
from typing import Any

import httpx2
import msgspec

from resail.errors import ResailError
from resail.testbed.bed import Bed

__all__ = ["BudgetWatcher"]

Object = dict[str, Any]

_QUIET = 1.0
"""Seconds without an event after which the stream is taken to have told all."""


class BudgetWatcher:
    """A context: while it is open, each change of a pod that finds a budget broken is kept in ``violations``.

    It follows the API's own stream of changes, so that no moment is missed between two looks. Percentages and
    ``maxUnavailable`` are taken of the pods at the start, so the mesh must be whole then and not be scaled meanwhile.
    """

    def __init__(self, bed: Bed) -> None:
        self.violations: list[str] = []
        self.looks = 0
        """How many changes of pods were seen: a watcher that saw none proves nothing."""
        context = ssl.create_default_context(cafile=str(bed.layout.certificate))
        self._client = httpx2.Client(
            base_url=f"https://127.0.0.1:{bed.layout.ports().api}",
            verify=context,
            headers={"Authorization": "Bearer observer"},
            timeout=httpx2.Timeout(10, read=_QUIET),
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failure: Exception | None = None
        self._pods: dict[str, Object] = {}
        self._budgets: list[tuple[Object, int]] = []
        """Each with the pods that it needs."""
        self._version = ""

    def __enter__(self) -> "BudgetWatcher":
        pods = self._client.get("/api/v1/pods").json()
        self._version = pods["metadata"]["resourceVersion"]
        self._pods = {pod["metadata"]["uid"]: pod for pod in pods["items"]}
        budgets = self._client.get("/apis/policy/v1/poddisruptionbudgets").json()["items"]
        self._budgets = [(budget, _needed(budget, len(self._selected(budget)))) for budget in budgets]
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._watched_to_the_end():
                pass
        except Exception as failure:
            self._failure = failure

    def _watched_to_the_end(self) -> bool:
        """Follow until it is quiet; true where that came after the word to stop."""
        last = self._stop.is_set()
        parameters = {"watch": "1", "resourceVersion": self._version}
        try:
            with self._client.stream("GET", "/api/v1/pods", params=parameters) as answer:
                for line in answer.iter_lines():
                    if line:
                        self._see(msgspec.json.decode(line))
        except httpx2.ReadTimeout:
            return last
        return False

    def _see(self, event: Object) -> None:
        pod = event["object"]
        if event["type"] == "ERROR":
            raise ResailError(f"the watch of pods ended: {pod.get('message')}", on="the budget watcher")
        self.looks += 1
        self._version = pod["metadata"]["resourceVersion"]
        if event["type"] == "DELETED":
            self._pods.pop(pod["metadata"]["uid"], None)
        else:
            self._pods[pod["metadata"]["uid"]] = pod
        for budget, needed in self._budgets:
            if not _selects(budget, pod):
                continue
            healthy = sum(_healthy(one) for one in self._selected(budget))
            if healthy < needed:
                metadata = budget["metadata"]
                told = f"{metadata['namespace']}/{metadata['name']}: {healthy} healthy, {needed} needed"
                self.violations.append(f"{told}, at a change of {pod['metadata']['name']}")

    def _selected(self, budget: Object) -> list[Object]:
        return [pod for pod in self._pods.values() if _selects(budget, pod)]


def _selects(budget: Object, pod: Object) -> bool:
    labels: dict[str, str] = budget["spec"]["selector"]["matchLabels"]
    in_reach: bool = budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return in_reach and labels.items() <= pod["metadata"].get("labels", {}).items()


def _healthy(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _needed(budget: Object, pods: int) -> int:
    least = budget["spec"].get("minAvailable")
    if least is not None:
        return _share(least, pods)
    return pods - _share(budget["spec"]["maxUnavailable"], pods)


def _share(bound: int | str, of: int) -> int:
    """The disruption controller rounds both kinds of percentage up."""
    return math.ceil(int(bound.removesuffix("%")) * of / 100) if isinstance(bound, str) else bound
