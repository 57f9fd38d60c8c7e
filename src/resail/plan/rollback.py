"""In which order the steps of a plan are undone.

Hop by hop, the last first; but a hop that left its data plane behind goes together with the one that brought it on, since what
restarts back must find the control plane where it was when the data plane last fitted it.

Within that not simply backwards: an old revision that was removed comes back before all else, which needs it. Pointers (tags,
labels, an in-place istiod) go back next, so that what restarts afterwards gets the old sidecar again. CNI and ztunnel go before
istiod, which they must not lead. A revision that was installed goes last but for the base release, when nothing asks for it any
more; and what releases took from others is given back when they are back.
"""

from collections.abc import Collection, Sequence

from resail.models.plan import (
    AdoptObjects,
    Hop,
    InstallRevision,
    LabelNamespace,
    MoveTag,
    MoveValidator,
    Plan,
    RemoveRevision,
    RestartWave,
    RetargetTag,
    SailChange,
    Step,
    UpgradeCNI,
    UpgradeControlPlane,
    UpgradeCRDs,
    UpgradeGateway,
    UpgradeZtunnel,
)

__all__ = ["before_restart", "undo_sequence"]

_ORDER: tuple[tuple[type, ...], ...] = (
    (RemoveRevision,),
    (MoveValidator,),
    (LabelNamespace, MoveTag, RetargetTag),
    (UpgradeCNI, UpgradeZtunnel),
    (UpgradeControlPlane,),
    (UpgradeGateway,),
    (RestartWave,),
    (InstallRevision,),
    (UpgradeCRDs,),
    (AdoptObjects,),
)


def undo_sequence(plan: Plan, begun: Collection[str]) -> tuple[Step, ...]:
    """The steps to undo, in order.

    Args:
        plan: the plan.
        begun: ids of the steps that have at least an intent.
    """
    concerned = [step for step in reversed(plan.steps) if step.id in begun]
    return tuple(
        step
        for group in reversed(_groups(plan.hops))
        for rank in range(-1, len(_ORDER))
        for step in concerned
        if step.hop in group and _rank(step) == rank
    )


def _rank(step: Step) -> int | None:
    """Its place in the order; None where there is nothing to undo."""
    if isinstance(step, InstallRevision) and isinstance(step.change, SailChange):
        # The operator may have removed the old revision, and makes it again when it is wished: pointers need it first.
        return -1
    return next((rank for rank, kinds in enumerate(_ORDER) if isinstance(step, kinds)), None)


def before_restart(plan: Plan, step: Step) -> Hop:
    """The hop that begins where the data plane is led back to when a restart of this step is undone."""
    group = next(group for group in _groups(plan.hops) if step.hop in group)
    return plan.hops[group.start]


def _groups(hops: Sequence[Hop]) -> tuple[range, ...]:
    """Indices of hops that are undone together: each that restarts, with those before it that do not."""
    starts = [0, *(index + 1 for index, hop in enumerate(hops[:-1]) if hop.restarts)]
    return tuple(range(start, end) for start, end in zip(starts, [*starts[1:], len(hops)], strict=True))
