"""In which order the steps of a plan are undone.

Not simply backwards: pointers (tags, labels, an in-place istiod) go back first, so that what restarts afterwards gets the old
sidecar again. CNI and ztunnel go before istiod, which they must not lead. A revision that was installed goes last but for the
base release, when nothing asks for it any more.
"""

from collections.abc import Collection

from resail.models.plan import (
    InstallRevision,
    LabelNamespace,
    MoveTag,
    MoveValidator,
    Plan,
    RestartWave,
    Step,
    UpgradeCNI,
    UpgradeControlPlane,
    UpgradeCRDs,
    UpgradeGateway,
    UpgradeZtunnel,
)

__all__ = ["undo_sequence"]

_ORDER: tuple[tuple[type, ...], ...] = (
    (MoveValidator,),
    (LabelNamespace, MoveTag),
    (UpgradeCNI, UpgradeZtunnel),
    (UpgradeControlPlane,),
    (UpgradeGateway,),
    (RestartWave,),
    (InstallRevision,),
    (UpgradeCRDs,),
)


def undo_sequence(plan: Plan, begun: Collection[str]) -> tuple[Step, ...]:
    """The steps to undo, in order.

    Args:
        plan: the plan.
        begun: ids of the steps that have at least an intent.
    """
    concerned = [step for step in reversed(plan.steps) if step.id in begun]
    return tuple(step for kinds in _ORDER for step in concerned if isinstance(step, kinds))
