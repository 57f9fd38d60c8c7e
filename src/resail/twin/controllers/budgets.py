"""PodDisruptionBudgets: how many pods may go now.

``pkg/controller/disruption/disruption.go`` of Kubernetes 1.31.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from resail.models.identity import Manifest
from resail.models.quantities import absolute
from resail.models.selector import Selector
from resail.twin.controllers.owners import controller_of
from resail.twin.eviction import budgets_of
from resail.twin.readiness import is_active, is_ready, set_condition
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["BudgetController"]

_FORGOTTEN = 120.0  # seconds after which an evicted pod that is still there counts again


class BudgetController:
    def __init__(self, server: Server) -> None:
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "PodDisruptionBudget" and change.after:
            yield change.key
        elif change.key.kind == "Pod":
            for pod in (change.before, change.after):
                for budget in budgets_of(self._store, pod) if pod else ():
                    yield Key("PodDisruptionBudget", change.key.namespace, budget["metadata"]["name"])
        elif change.key.kind in ("Deployment", "ReplicaSet", "StatefulSet"):
            yield from self._store.keys("PodDisruptionBudget", change.key.namespace)

    def reconcile(self, key: Key) -> float | None:
        budget = self._store.get(key)
        if budget is None:
            return None
        selector = budget["spec"].get("selector")
        chosen = None if selector is None else msgspec.convert(selector, Selector)
        pods = [
            pod
            for pod in self._store.all("Pod", key.namespace)
            if chosen is not None and chosen.fits(pod["metadata"].get("labels") or {})
        ]
        evicted = self._still_there(budget, pods)
        healthy = sum(is_ready(pod) and is_active(pod) and pod["metadata"]["name"] not in evicted for pod in pods)
        wanted = self._wanted(budget, [pod for pod in pods if is_active(pod) or "deletionTimestamp" in pod["metadata"]])
        if wanted is None:
            self._store.edit(key, self._fail)
            return None
        expected, desired = wanted
        allowed = max(0, healthy - desired) if expected > 0 else 0
        status: dict[str, Any] = {
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "expectedPods": expected,
            "observedGeneration": budget["metadata"]["generation"],
            "conditions": list(budget["status"].get("conditions") or ()),
        }
        if evicted:
            status["disruptedPods"] = evicted
        reason = "SufficientPods" if allowed else "InsufficientPods"
        set_condition(status, "DisruptionAllowed", allowed > 0, self._store.clock.timestamp(), reason=reason, message="")
        self._store.set_status(key, status)
        return _FORGOTTEN if evicted else None

    def _still_there(self, budget: Manifest, pods: list[Manifest]) -> dict[str, str]:
        """Pods that are evicted and not gone yet."""
        present = {pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}
        now = self._store.clock.now()
        return {
            name: since
            for name, since in (budget["status"].get("disruptedPods") or {}).items()
            if name in present and (now - datetime.fromisoformat(since)).total_seconds() < _FORGOTTEN
        }

    def _wanted(self, budget: Manifest, pods: list[Manifest]) -> tuple[int, int] | None:
        """How many pods there should be, and how many of them healthy; None where that cannot be said."""
        spec = budget["spec"]
        least, most_away = spec.get("minAvailable"), spec.get("maxUnavailable")
        if most_away is None and not isinstance(least, str):
            return len(pods), least or 0
        expected = self._scale(pods)
        if expected is None:
            return None
        if most_away is not None:
            return expected, max(0, expected - absolute(most_away, expected, round_up=True, default=0))
        return expected, absolute(least, expected, round_up=True, default=0)

    def _fail(self, budget: Manifest) -> None:
        """A share of pods that nobody keeps up has no meaning: none may go."""
        status = budget["status"]
        status |= {"disruptionsAllowed": 0, "observedGeneration": budget["metadata"]["generation"]}
        told = "found no controllers for pod"
        set_condition(status, "DisruptionAllowed", False, self._store.clock.timestamp(), reason="SyncFailed", message=told)

    def _scale(self, pods: list[Manifest]) -> int | None:
        """What the controllers of the pods are asked for; None where one is asked for no number. Pods of nobody do not count."""
        found: dict[str, int] = {}
        for pod in pods:
            owner = controller_of(pod)
            if owner is None:
                continue
            made_by = self._store.get(Key(owner["kind"], pod["metadata"]["namespace"], owner["name"]))
            above = controller_of(made_by) if made_by else None
            if above is not None and owner["kind"] == "ReplicaSet":
                made_by = self._store.get(Key(above["kind"], pod["metadata"]["namespace"], above["name"]))
            if made_by is None or "replicas" not in made_by["spec"]:
                return None
            found[made_by["metadata"]["uid"]] = made_by["spec"]["replicas"]
        return sum(found.values())
