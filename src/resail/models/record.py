"""The record of a run: what ``demo``, ``apply``, ``resume`` and ``rollback`` print and ``report`` draws."""

from datetime import datetime

import msgspec

from resail.models.finding import Finding
from resail.models.journal import RunState
from resail.models.plan import Strategy

__all__ = ["Record", "StepRecord", "WorkloadRecord"]


class StepRecord(msgspec.Struct, frozen=True):
    """One step and how it went."""

    id: str
    kind: str
    """``UpgradeCNI``"""
    title: str
    outcome: str
    """``pending``, ``running``, ``done``, ``skipped``, ``failed``, ``interrupted``, ``undoing``, ``undone``,
    ``undo-failed``."""
    started: datetime | None = None
    """When it was first begun in the direction that it went last: done or undone."""
    ended: datetime | None = None
    detail: str = ""
    restarted: tuple[str, ...] = ()


class WorkloadRecord(msgspec.Struct, frozen=True):
    """One workload: restarted or left alone, and why."""

    workload: str
    """``namespace/Kind/name``"""
    restarted: bool
    reason: str
    step: str = ""


class Record(msgspec.Struct, frozen=True, rename={"from_version": "from", "to_version": "to"}):
    """All of it."""

    from_version: str
    to_version: str
    strategy: Strategy
    run: str
    state: RunState
    detail: str
    started: datetime
    updated: datetime
    steps: tuple[StepRecord, ...]
    workloads: tuple[WorkloadRecord, ...]
    workloads_restarted: tuple[str, ...]
    """Sorted ``namespace/Kind/name``."""
    workloads_untouched: tuple[str, ...]
    pods_on_target: int | None
    """Pods with a proxy of the target version, those of CronJobs left out; measured at the end of the run. None where
    the cluster could not be asked."""
    findings: tuple[Finding, ...]
    plan_id: str
    plan: str
    """Absolute path."""
    journal: str
    """Absolute path."""
    report: str
    """Absolute path of the HTML page."""
    backups: tuple[str, ...] = ()
    """Absolute paths of those that the run took by itself on this machine, in order."""
