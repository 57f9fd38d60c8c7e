"""Waves keep budgets, whatever the workloads: the scheduler's properties."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from resail.models.plan import Restart
from resail.models.snapshot import DisruptionBudget, Workload
from resail.plan.waves import CannotRestart, budgets_of, into_waves, restart_method
from tests.plan.meshes import budget, deployment


@st.composite
def crowds(draw: st.DrawFn) -> tuple[list[Workload], list[DisruptionBudget]]:
    workloads = [
        deployment(
            f"w{number}",
            replicas=replicas,
            unavailable=draw(st.integers(0, replicas)),
            surge=draw(st.integers(0, 2)),
            strategy=draw(st.sampled_from(["RollingUpdate", "RollingUpdate", "Recreate", "OnDelete"])),
            paused=draw(st.booleans()) and draw(st.booleans()),
        )
        for number in range(draw(st.integers(1, 9)))
        for replicas in [draw(st.integers(1, 5))]
    ]
    budgets = []
    for number in range(draw(st.integers(0, 4))):
        members = draw(st.lists(st.sampled_from(workloads), min_size=1, max_size=3, unique_by=lambda one: one.ref))
        healthy = sum(member.ready for member in members)
        budgets.append(budget(f"b{number}", *members, desired=draw(st.integers(0, healthy))))
    return workloads, budgets


def planned(workloads: list[Workload], budgets: list[DisruptionBudget]) -> list[Restart]:
    restarts = []
    for workload in workloads:
        method = restart_method(workload, budgets_of(workload.ref, budgets))
        if not isinstance(method, CannotRestart):
            restarts.append(Restart(workload.ref, method, "", workload.replicas, "1.26.0", "new"))
    return restarts


def worst_loss(workload: Workload, method: str) -> int:
    """Pods that may be missing at once, if nothing but the restart happens."""
    if method == "evict":
        return 1
    strategy = workload.strategy
    if strategy.type == "Recreate":
        return workload.replicas
    return strategy.max_unavailable if strategy.max_unavailable or strategy.max_surge else 1


@given(crowds(), st.integers(1, 4))
def test_no_wave_breaks_a_budget(crowd: tuple[list[Workload], list[DisruptionBudget]], parallel: int) -> None:
    workloads, budgets = crowd
    by_ref = {workload.ref: workload for workload in workloads}
    for wave in into_waves(planned(*crowd), budgets, parallel):
        assert len(wave) <= parallel
        for one in budgets:
            members = [restart for restart in wave if restart.workload in one.workloads]
            rollouts = [restart for restart in members if restart.method == "rollout"]
            loss = sum(worst_loss(by_ref[restart.workload], restart.method) for restart in rollouts)
            # Evictions ask the budget themselves.
            assert one.current_healthy - loss >= one.desired_healthy
            assert len(members) <= 1


@given(crowds(), st.integers(1, 4), st.randoms())
def test_each_restart_is_in_one_wave_and_order_does_not_matter(
    crowd: tuple[list[Workload], list[DisruptionBudget]], parallel: int, random: Random
) -> None:
    restarts = planned(*crowd)
    waves = into_waves(restarts, crowd[1], parallel)
    assert sorted(restart for wave in waves for restart in wave) == sorted(restarts)
    shuffled = list(restarts)
    random.shuffle(shuffled)
    assert into_waves(shuffled, crowd[1], parallel) == waves


@given(crowds())
def test_an_eviction_has_one_budget_at_most_and_room(crowd: tuple[list[Workload], list[DisruptionBudget]]) -> None:
    for restart in planned(*crowd):
        mine = budgets_of(restart.workload, crowd[1])
        if restart.method == "evict":
            assert len(mine) <= 1
            assert all(one.current_healthy > one.desired_healthy for one in mine)


def test_a_strategy_that_brings_up_pods_first_may_roll_under_a_tight_budget() -> None:
    workload = deployment("ledger", replicas=2, unavailable=0, surge=1)
    assert restart_method(workload, (budget("tight", workload, desired=2),)) == "rollout"


def test_a_strategy_that_takes_too_many_is_evicted_pod_by_pod() -> None:
    workload = deployment("payment", replicas=3, unavailable=2, surge=0)
    assert restart_method(workload, (budget("tight", workload, desired=2),)) == "evict"
    assert isinstance(restart_method(workload, (budget("closed", workload, desired=3),)), CannotRestart)
    both = (budget("one", workload, desired=2), budget("two", workload, desired=2))
    assert isinstance(restart_method(workload, both), CannotRestart)


def test_a_paused_rollout_is_left_alone() -> None:
    assert isinstance(restart_method(deployment("w", paused=True), ()), CannotRestart)
