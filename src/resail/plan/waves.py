"""How each workload may restart, and which restart at the same time.

Rollouts do not consult PodDisruptionBudgets, evictions do. So a rollout is used only where the workload's own strategy keeps what
its budgets ask for; otherwise its pods are evicted one by one. The eviction API refuses pods under two budgets
(https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/), so such a workload is reported and never restarted.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from resail.models.identity import ObjectRef
from resail.models.plan import Restart
from resail.models.snapshot import DisruptionBudget, Workload

__all__ = ["CannotRestart", "budgets_of", "into_waves", "restart_method"]

Method = Literal["rollout", "evict"]


class CannotRestart(msgspec.Struct, frozen=True):
    """Why a workload is left to its owner."""

    reason: str


def budgets_of(workload: ObjectRef, budgets: Sequence[DisruptionBudget]) -> tuple[DisruptionBudget, ...]:
    """The budgets that select its pods."""
    return tuple(budget for budget in budgets if workload in budget.workloads)


def restart_method(workload: Workload, budgets: Sequence[DisruptionBudget]) -> Method | CannotRestart:
    """How the workload may restart under these budgets, which are all that select its pods."""
    if workload.paused:
        return CannotRestart("its rollout is paused")
    # What may be missing at any time, whoever else shares the budget being whole.
    spare = min((budget.current_healthy - budget.desired_healthy for budget in budgets), default=workload.replicas)
    strategy = workload.strategy
    rolls = strategy.type in ("RollingUpdate", "Recreate") and strategy.partition == 0
    if rolls and (not budgets or _loss_by_rollout(workload) <= max(spare, 0)):
        return "rollout"
    if len(budgets) > 1:
        return CannotRestart("two PodDisruptionBudgets select its pods, which the eviction API refuses")
    if budgets and spare < 1:
        return CannotRestart("its PodDisruptionBudget allows no disruption, and its strategy brings up no pod beforehand")
    return "evict"


def _loss_by_rollout(workload: Workload) -> int:
    """Pods that a rollout may leave missing at once."""
    strategy = workload.strategy
    if strategy.type == "Recreate":
        return workload.replicas
    # Kubernetes takes one away where the strategy would leave it no way to go on.
    return strategy.max_unavailable if strategy.max_unavailable or strategy.max_surge else 1


def into_waves(
    restarts: Sequence[Restart], budgets: Sequence[DisruptionBudget], max_parallel: int
) -> tuple[tuple[Restart, ...], ...]:
    """Waves in order: small workloads first, so that what goes wrong goes wrong small.

    In a wave are at most ``max_parallel`` workloads, and no two that share a budget.
    """
    waves: list[list[Restart]] = []
    for restart in sorted(restarts, key=lambda one: (one.pods, one.workload)):
        mine = {budget.ref for budget in budgets_of(restart.workload, budgets)}
        for wave in waves:
            taken = {budget.ref for other in wave for budget in budgets_of(other.workload, budgets)}
            if len(wave) < max_parallel and not mine & taken:
                wave.append(restart)
                break
        else:
            waves.append([restart])
    return tuple(tuple(sorted(wave)) for wave in waves)
