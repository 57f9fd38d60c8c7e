"""What the steps of the plan do to objects."""

from resail.checks.hazards.case import Case
from resail.models.identity import ObjectRef
from resail.models.plan import Change, FieldOwnerConflict, HelmChange

__all__ = ["forced_by_plan", "removed_by_plan"]


def removed_by_plan(case: Case) -> frozenset[ObjectRef]:
    """Objects that an installer removes."""
    return frozenset(one.object for change in _changes(case) for one in change.objects if one.change == "remove")


def forced_by_plan(case: Case) -> frozenset[FieldOwnerConflict]:
    """Fields of others that a release overwrites."""
    return frozenset(one for change in _changes(case) if isinstance(change, HelmChange) for one in change.forced)


def _changes(case: Case) -> list[Change]:
    changes = (getattr(step, "change", None) for step in case.steps or ())
    return [change for change in changes if isinstance(change, Change)]
