"""Entries of the journal: intent before acting, outcome after; append only."""

from datetime import datetime
from typing import Literal

import msgspec

__all__ = [
    "BudgetCounts",
    "CallIntent",
    "CallOutcome",
    "Direction",
    "Entry",
    "EntryBody",
    "Measured",
    "Progress",
    "Run",
    "RunFinished",
    "RunHalted",
    "RunResumed",
    "RunStarted",
    "RunState",
    "StepApproved",
    "StepIntent",
    "StepOutcome",
]

Direction = Literal["do", "undo"]

RunState = Literal["running", "halted", "done", "rolled-back", "rollback-failed", "aborted"]


class RunStarted(msgspec.Struct, frozen=True, tag="RunStarted"):
    """The run exists."""

    plan_id: str
    plan_file: str
    """Absolute path of the run's own copy of the plan."""
    cluster_id: str


class RunResumed(msgspec.Struct, frozen=True, tag="RunResumed"):
    """A process took the run up again, forwards or backwards."""

    direction: Direction


class StepIntent(msgspec.Struct, frozen=True, tag="StepIntent"):
    """A step is about to be done, or undone."""

    step: str
    direction: Direction


class StepOutcome(msgspec.Struct, frozen=True, tag="StepOutcome"):
    """It ended."""

    step: str
    direction: Direction
    outcome: Literal["done", "failed", "skipped"]
    detail: str = ""
    """Why it failed or was skipped; what was measured."""
    restarted: tuple[str, ...] = ()
    """Workloads that were restarted by it, ``namespace/Kind/name``."""


class StepApproved(msgspec.Struct, frozen=True, tag="StepApproved"):
    """A person said yes."""

    step: str


class CallIntent(msgspec.Struct, frozen=True, tag="CallIntent"):
    """A write is about to be made: a ClusterWriter call, or one action of an installer."""

    call: int
    """Counts the writes of the run, from 1; never used twice."""
    step: str
    verb: str
    """``apply``, ``patch``, ``evict``, ``helm upgrade`` …"""
    object: str
    """``namespace/Kind/name``, or the release's ``namespace/name``."""


class CallOutcome(msgspec.Struct, frozen=True, tag="CallOutcome"):
    """The write returned."""

    call: int
    ok: bool
    detail: str = ""


class Progress(msgspec.Struct, frozen=True, tag="Progress"):
    """Something worth telling while a step waits."""

    step: str
    message: str
    done: int = 0
    total: int = 0


class BudgetCounts(msgspec.Struct, frozen=True):
    """A PodDisruptionBudget at one moment, from its status."""

    healthy: int
    """Pods of it that are ready."""
    needed: int
    """Pods that it wants to be ready."""
    pods: int
    """Pods that it counts on: those of the replicas wanted."""


class Measured(msgspec.Struct, frozen=True, tag="Measured"):
    """The data plane was counted, and is not as it was at the last count."""

    pods: dict[str, int]
    """Pods with a proxy, by its version (empty: its image has no tag); those of Jobs are left out."""
    budgets: dict[str, BudgetCounts | None]
    """``namespace/name`` of the budgets over such pods that are not as at the last count; None: it is gone."""


class RunHalted(msgspec.Struct, frozen=True, tag="RunHalted"):
    """The run stopped and can be resumed."""

    why: Literal["gate", "approval", "paused", "interrupted", "stale"]
    step: str
    detail: str


class RunFinished(msgspec.Struct, frozen=True, tag="RunFinished"):
    """Nothing more will happen."""

    state: Literal["done", "rolled-back", "rollback-failed", "aborted"]
    detail: str = ""


EntryBody = (
    RunStarted
    | RunResumed
    | StepIntent
    | StepOutcome
    | StepApproved
    | CallIntent
    | CallOutcome
    | Progress
    | Measured
    | RunHalted
    | RunFinished
)


class Entry(msgspec.Struct, frozen=True):
    """One line of the journal."""

    sequence: int
    """From 1 within its run, without gaps."""
    run: str
    time: datetime
    """UTC."""
    body: EntryBody


class Run(msgspec.Struct, frozen=True):
    """A run as its entries tell it."""

    id: str
    plan_id: str
    plan_file: str
    cluster_id: str
    state: RunState
    started: datetime
    updated: datetime
    step: str
    """The step that is, or was last, under way; empty before the first."""
    detail: str
    """Why it is halted or how it ended."""
