"""``resail status``: how a run stands, from its journal or the cluster's copy of it."""

from collections.abc import Callable

import msgspec

from resail.models.journal import Run
from resail.models.record import StepRecord
from resail.operations.onlooker import looking_on
from resail.operations.runs import RunChoice
from resail.report.steps import step_records

__all__ = ["RunStatus", "status"]

_SHARE = 1 / 3
"""Of a lease's duration, in which a holder that lives renews it three times."""


class RunStatus(msgspec.Struct, frozen=True):
    """One run, and those beside it."""

    run: Run
    at_work: bool
    """A process of this machine holds the lock, or one anywhere the lease, and renews it. A run that is ``running`` without one
    was killed, and can be resumed."""
    holder: str
    """Who that is, or who has not renewed the lease lately; empty where nobody does."""
    requested: str
    """``pause`` or ``abort`` where that was asked for and not yet followed."""
    steps: tuple[StepRecord, ...]
    runs: tuple[Run, ...]
    """All runs that are known, newest last."""


async def status(choice: RunChoice, progress: Callable[[str], None] = lambda _: None) -> RunStatus:
    """Read how a run stands.

    Raises:
        UsageError: nothing was run, or there is no such run.
        ArtifactError: the run's own copy of the plan is gone or damaged, or the cluster's copy of the journal is.
    """
    async with looking_on(choice, progress) as onlooker:
        run, journal = onlooker.run, onlooker.journal
        holder = onlooker.here
        works, requested = bool(holder), journal.requested(run.id) or ""
        if not works and (lease := await onlooker.lease()) is not None and lease.holder is not None:
            works = await onlooker.lives(lease, progress, _SHARE)
            holder = lease.holder.name if works else f"{lease.holder.name}, which does not renew the lease"
            requested = lease.request.partition(" ")[0] if run.id in lease.request else requested
        # Lock and lease belong to all runs; their holder works on the latest one unless that has ended.
        at_work = works and run.state == "running"
        return RunStatus(
            run=run,
            at_work=at_work,
            holder=holder,
            requested=requested,
            steps=step_records(onlooker.plan.plan, journal.entries(run.id), live=at_work),
            runs=tuple(journal.runs()),
        )
