"""What a rehearsal of a plan foretells."""

from typing import Literal

import msgspec

from resail.models.journal import RunState

__all__ = ["BudgetLow", "FaultTrial", "Peaks", "Place", "Rehearsal", "StepForecast"]

Place = Literal["twin", "control-plane"]


class StepForecast(msgspec.Struct, frozen=True):
    """One step of the critical path: steps come one after the other, so all of them are on it."""

    step: str
    title: str
    seconds: float
    waits_for: str = ""
    """Of what restarts in it, the workload that was ready last; empty where none does."""


class Peaks(msgspec.Struct, frozen=True):
    """The most that there was at one moment."""

    surge_pods: int
    """Pods above those that there were at the beginning."""
    cpu_millis: int
    """Requested by all pods on nodes, thousandths of a core."""
    memory_bytes: int


class BudgetLow(msgspec.Struct, frozen=True, order=True):
    """A PodDisruptionBudget at its worst moment."""

    budget: str
    """``namespace/name``"""
    ready: int
    needed: int
    pods: int
    """That it selected at the beginning."""


class FaultTrial(msgspec.Struct, frozen=True):
    """The same plan, with something going wrong."""

    fault: str
    state: RunState
    step: str
    """At which the run stopped; empty where it was done."""
    detail: str
    seconds: float
    undone: bool
    """Did a rollback from there succeed? False too where the run was done, so that none was needed."""
    left: tuple[str, ...]
    """What of the mesh is not as it was after the rollback."""


class Rehearsal(msgspec.Struct, frozen=True):
    """A plan, run on a copy of its mesh."""

    plan_id: str
    on: Place
    seed: int
    state: RunState
    """How the run ended without faults."""
    detail: str
    seconds: float
    """That the run took, by the clock of the copy."""
    critical_path: tuple[StepForecast, ...]
    restarts: tuple[str, ...]
    """``namespace/Kind/name``, sorted."""
    peaks: Peaks
    budgets: tuple[BudgetLow, ...]
    """The tightest first."""
    gates: tuple[str, ...]
    """Those that would fire: step and reason."""
    faults: tuple[FaultTrial, ...]
    resail_version: str

    @property
    def passed(self) -> bool:
        return self.state == "done"
