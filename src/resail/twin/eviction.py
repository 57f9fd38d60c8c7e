"""The eviction API: a pod goes where its PodDisruptionBudget allows it.

The rules of Kubernetes 1.31: ``pkg/registry/core/pod/storage/eviction.go``.
"""

import msgspec

from resail.errors import ClusterApiError, EvictionBlockedError
from resail.models.identity import Manifest
from resail.models.selector import Selector
from resail.twin.readiness import is_ready
from resail.twin.server import Server
from resail.twin.store import Key, Store

__all__ = ["budgets_of", "evict"]

_VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget."


def evict(server: Server, key: Key, *, dry_run: bool) -> None:
    """Raises ``EvictionBlockedError`` where the budget does not allow it, ``ClusterApiError`` where there are several."""
    pod = server.store.get(key)
    assert pod is not None
    if pod["status"]["phase"] in ("Running",) and "deletionTimestamp" not in pod["metadata"]:
        budgets = budgets_of(server.store, pod)
        if len(budgets) > 1:
            raise ClusterApiError(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support. (HTTP 500)",
                next_step="see the API server's health",
                status=500,
            )
        if budgets:
            _take(server.store, budgets[0], pod, dry_run=dry_run)
    server.delete(key, dry_run=dry_run)


def budgets_of(store: Store, pod: Manifest) -> list[Manifest]:
    """Those that select the pod."""
    labels = pod["metadata"].get("labels") or {}
    return [
        budget
        for budget in store.all("PodDisruptionBudget", pod["metadata"]["namespace"])
        # No selector selects nothing, an empty one everything.
        if budget["spec"].get("selector") is not None and msgspec.convert(budget["spec"]["selector"], Selector).fits(labels)
    ]


def _take(store: Store, budget: Manifest, pod: Manifest, *, dry_run: bool) -> None:
    status, name = budget["status"], budget["metadata"]["name"]
    if not is_ready(pod) and _spares_unready(budget):
        return
    if status.get("observedGeneration", 0) < budget["metadata"]["generation"]:
        raise _blocked(f"The disruption budget {name} is still being processed by the server.")
    if status["disruptionsAllowed"] <= 0:
        healthy, needed = status["currentHealthy"], status["desiredHealthy"]
        raise _blocked(f"The disruption budget {name} needs {needed} healthy pods and has {healthy} currently")
    if dry_run:
        return

    def used(new: Manifest) -> None:
        new["status"]["disruptionsAllowed"] -= 1
        new["status"].setdefault("disruptedPods", {})[pod["metadata"]["name"]] = store.clock.timestamp()

    store.edit(Key("PodDisruptionBudget", pod["metadata"]["namespace"], name), used)


def _spares_unready(budget: Manifest) -> bool:
    """May a pod go that is not ready anyway?"""
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget["status"]
    return bool(status["desiredHealthy"] > 0 and status["currentHealthy"] >= status["desiredHealthy"])


def _blocked(why: str) -> EvictionBlockedError:
    return EvictionBlockedError(f"{_VIOLATED} {why} (HTTP 429)", next_step="the budget must allow it first", status=429)
