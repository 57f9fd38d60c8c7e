"""What undoing a run will do: what ``resail rollback --dry-run`` prints."""

from typing import Literal

import msgspec

from resail.models.identity import ObjectRef
from resail.models.journal import RunState
from resail.models.plan import ObjectChange

__all__ = ["FieldBack", "LeftOut", "StepUndoing", "Undoing", "WriteForeseen"]


class FieldBack(msgspec.Struct, frozen=True):
    """One field that is written, and what it holds."""

    field: str
    """``metadata.labels.istio.io/rev``"""
    now: str
    """Empty: it is not there."""
    afterwards: str
    """Empty: it is removed."""


class WriteForeseen(msgspec.Struct, frozen=True):
    """One write, as the journal will have it."""

    verb: str
    """``patch``, ``evict``, ``helm rollback`` …"""
    object: str
    """``namespace/Kind/name``, or the release's ``namespace/name``."""
    fields: tuple[FieldBack, ...] = ()
    """Of a write to one object."""
    objects: tuple[ObjectChange, ...] = ()
    """Of an installer's action: what it adds, changes and removes, by the stored or planned manifests."""


class StepUndoing(msgspec.Struct, frozen=True):
    """One step that is undone."""

    step: str
    title: str
    """Of the step as it was done."""
    outcome: Literal["undone", "nothing", "stuck"]
    """``nothing``: the mesh is as it was before the step. ``stuck``: as the mesh is now it cannot be undone, and the rollback
    stops there."""
    detail: str
    next_step: str = ""
    """Of one that is stuck: what to do."""
    writes: tuple[WriteForeseen, ...] = ()
    """In order; those of workloads that restart at the same time in no certain one."""
    restarts: tuple[ObjectRef, ...] = ()
    """Workloads whose pods are replaced, sorted."""
    alone: tuple[ObjectRef, ...] = ()
    """Workloads of the step that had not moved, and are left alone."""


class LeftOut(msgspec.Struct, frozen=True):
    """One step of the plan for which nothing is done."""

    step: str
    title: str
    why: str


class Undoing(msgspec.Struct, frozen=True):
    """All of it, in order."""

    run: str
    state: RunState
    plan_id: str
    cluster_id: str
    back_to: str
    """Version of the control plane before the run."""
    revision: str
    """Of that control plane."""
    steps: tuple[StepUndoing, ...]
    left_out: tuple[LeftOut, ...]
    """In the plan's order."""
    stays: tuple[str, ...]
    """CRDs that stay at the target."""
    at_work: str
    """Who works on the mesh now, by its lease or this machine's lock: nothing can be undone meanwhile. Empty: nobody."""

    @property
    def stuck(self) -> bool:
        """Would it stop before all is undone?"""
        return any(step.outcome == "stuck" for step in self.steps)
