"""Runs as their journals tell them, and whether somebody works on them."""

from collections.abc import Callable, Sequence

from resail.checks.diagnosis.situation import RunSeen
from resail.cluster import ClusterReader
from resail.errors import ArtifactError, ClusterApiError
from resail.journal.copy_format import name_of, read_copies
from resail.journal.fold import fold_run, fold_steps
from resail.journal.lease import LEASE, read_lease, see_whether_alive
from resail.models.journal import Entry, RunHalted, RunResumed, StepIntent
from resail.models.precheck import NotEvaluated
from resail.tenure.tenure import boot_time

__all__ = ["copied_runs", "run_seen"]

_SHARE = 1 / 3
"""Of a lease's duration, in which a holder that lives renews it three times."""


def run_seen(entries: Sequence[Entry], place: str, holder: str, *, alive: bool) -> RunSeen:
    """A run with at least its first entry."""
    run = fold_run(entries)
    directions = [one.body.direction for one in entries if isinstance(one.body, StepIntent | RunResumed)]
    halts = [one.body for one in entries if isinstance(one.body, RunHalted)]
    standings = fold_steps(entries).items()
    return RunSeen(
        run=run,
        alive=alive,
        holder=holder,
        place=place,
        done=tuple(step for step, standing in standings if standing.done and not standing.undone),
        undoing=bool(directions) and directions[-1] == "undo",
        halted=halts[-1].why if run.state == "halted" and halts else "",
    )


async def copied_runs(
    reader: ClusterReader, namespace: str, progress: Callable[[str], None]
) -> tuple[tuple[RunSeen, ...], list[NotEvaluated]]:
    """Those that have a copy in the cluster; only where the latest is under way its lease is looked at for a while."""
    try:
        copies = await read_copies(reader, namespace)
        lease = await read_lease(reader, namespace) if copies else None
    except (ArtifactError, ClusterApiError) as error:
        return (), [NotEvaluated("runs", str(error))]
    holder = lease.holder.name if lease is not None and lease.holder is not None else ""
    alive = False
    if lease is not None and holder and fold_run(copies[-1].entries).state == "running":
        progress(f"looking whether Lease {namespace}/{LEASE} is renewed")
        alive = await see_whether_alive(reader, namespace, lease, boot_time, progress, _SHARE)
    seen = [
        run_seen(copy.entries, f"ConfigMaps {namespace}/{name_of(copy.head.run)}*", holder, alive=alive and copy is copies[-1])
        for copy in copies
    ]
    return tuple(seen), []
