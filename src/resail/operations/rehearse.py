"""``resail rehearse``: run a plan on a copy of its mesh, and tell what it would do to it."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from resail import __version__
from resail.errors import StalePlanError
from resail.journal.sqlite import on_the_wall, open_journal
from resail.models.plan import PlanFiles
from resail.models.rehearsal import FaultTrial, Rehearsal
from resail.models.release import Release
from resail.models.snapshot import MeshSnapshot
from resail.operations.cluster_choice import twin_connection
from resail.operations.copies import twin_of
from resail.operations.inspect import MeshChoice, inspect
from resail.operations.rehearsals import keep_rehearsal
from resail.operations.verify import MeshVerifier
from resail.plan.file import read_plan
from resail.rehearsal.forecast import critical_path
from resail.rehearsal.leftovers import leftovers
from resail.rehearsal.meter import metered
from resail.rehearsal.trial import Copy, Trial
from resail.snapshot import capture
from resail.twin.faults import parse_fault
from resail.twin.loop import simulated_time

__all__ = ["RehearseRequest", "rehearse"]


class RehearseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be rehearsed."""

    plan: Path
    mesh: MeshChoice = MeshChoice()
    faults: tuple[str, ...] = ()
    """Each is tried in a run of its own."""
    seed: int = 0


async def rehearse(request: RehearseRequest, progress: Callable[[str], None]) -> Rehearsal:
    """Run the plan on a twin of the mesh, once without faults and once with each.

    The result is kept by the plan's id, for ``apply --require-rehearsal``.

    Raises:
        ArtifactError: the plan or the snapshot cannot be read.
        UsageError: a fault is none.
        StalePlanError: the plan is for another cluster.
        ClusterUnreachableError: the API does not answer.
    """
    files = read_plan(request.plan)
    for fault in request.faults:
        parse_fault(fault)
    progress("reading the mesh")
    snapshot = await inspect(request.mesh)
    if snapshot.cluster.id != files.plan.cluster_id:
        raise StalePlanError(
            f"it is for the cluster {files.plan.cluster_id}, and this mesh is of {snapshot.cluster.id}",
            on=str(request.plan),
            next_step="rehearse it on the mesh that it was made for, or plan again",
        )
    trials: list[FaultTrial] = []
    with simulated_time():
        progress("running the plan on a twin of the mesh")
        result = await _without_faults(files, snapshot, request.seed)
        for fault in request.faults:
            progress(f"and again, with {fault}")
            trials.append(await _with_fault(files, snapshot, request.seed, fault))
    rehearsal = msgspec.structs.replace(result, faults=tuple(trials))
    keep_rehearsal(rehearsal)
    return rehearsal


async def _without_faults(files: PlanFiles, snapshot: MeshSnapshot, seed: int) -> Rehearsal:
    async with _trial(files, snapshot, seed) as (copy, trial):
        async with metered(copy.cluster, copy.clock, snapshot.budgets) as meter:
            run = await trial.apply()
        return Rehearsal(
            plan_id=files.id,
            on="twin",
            seed=seed,
            state=run.state,
            detail=run.detail,
            seconds=trial.seconds,
            critical_path=critical_path(files.plan, trial.entries, meter),
            restarts=trial.restarted,
            peaks=meter.peaks,
            budgets=meter.budgets,
            gates=() if run.state == "done" else (f"{run.step}: {run.detail}",),
            faults=(),
            resail_version=__version__,
        )


async def _with_fault(files: PlanFiles, snapshot: MeshSnapshot, seed: int, fault: str) -> FaultTrial:
    async with _trial(files, snapshot, seed, fault) as (copy, trial):
        before = await capture(copy.cluster, files.plan.istio_namespace)
        run = await trial.apply()
        seconds = trial.seconds
        ended = run if run.state in ("done", "rolled-back") else await trial.undo()
        after = await capture(copy.cluster, files.plan.istio_namespace)
        return FaultTrial(
            fault=fault,
            state=run.state,
            step="" if run.state == "done" else run.step,
            detail=run.detail,
            seconds=seconds,
            undone=ended.state == "rolled-back",
            left=() if run.state == "done" else leftovers(before, after),
        )


@asynccontextmanager
async def _trial(files: PlanFiles, snapshot: MeshSnapshot, seed: int, *faults: str) -> AsyncIterator[tuple[Copy, Trial]]:
    """A twin of the mesh, and a run of the plan on it that is about to begin."""
    async with twin_of(snapshot, on_the_wall(), seed=seed, faults=faults) as twin:
        connection = twin_connection(twin, twin.clock)
        with tempfile.TemporaryDirectory(prefix="resail-rehearsal-") as folder:
            journal = open_journal(Path(folder) / "journal.db", twin.clock.now)
            async with connection.open_installer() as installer:
                releases = tuple(Release(hop.to_version, "", "the plan", hop.release_digest) for hop in files.plan.hops)
                copy = Copy(twin, twin.clock, installer, MeshVerifier(twin), releases)
                yield copy, Trial(copy, files, journal)
            journal.close()
