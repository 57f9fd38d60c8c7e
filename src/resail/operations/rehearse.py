"""``resail rehearse``: run a plan on a copy of its mesh, and tell what it would do to it."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from resail.errors import BlockedError, StalePlanError, UsageError
from resail.models.plan import InstallerStep, PlanFiles, SailChange
from resail.models.rehearsal import FaultTrial, Place, Rehearsal
from resail.models.snapshot import MeshSnapshot
from resail.operations.copies import copy_on_bed, copy_on_twin
from resail.operations.inspect import MeshChoice, inspect
from resail.operations.rehearsals import keep_rehearsal
from resail.plan.file import read_plan
from resail.rehearsal.forecast import forecast
from resail.rehearsal.leftovers import leftovers
from resail.rehearsal.obstacles import put_in_the_way
from resail.rehearsal.trial import trial_on
from resail.snapshot import capture
from resail.twin.faults import parse_fault
from resail.twin.loop import simulated_time

__all__ = ["RehearseRequest", "rehearse"]


class RehearseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be rehearsed."""

    plan: Path
    mesh: MeshChoice = MeshChoice()
    on: Place = "twin"
    faults: tuple[str, ...] = ()
    """Each is tried in a run of its own; a twin's alone."""
    seed: int = 0
    """For what a twin makes up."""
    release_directories: tuple[Path, ...] = ()
    """Releases that are looked at first, for the charts that the control plane's Helm needs."""


async def rehearse(request: RehearseRequest, progress: Callable[[str], None]) -> Rehearsal:
    """Run the plan on a copy of the mesh, once without faults and on a twin once with each.

    The result is kept by the plan's id, for ``apply --require-rehearsal``.

    Raises:
        ArtifactError: the plan or the snapshot cannot be read, or the bed lacks a program or a release.
        UsageError: a fault is none, or what is asked for is not to be had on a control plane.
        BlockedError: the Sail Operator would have to follow the plan, and no copy has it.
        StalePlanError: the plan is for another cluster.
        ClusterUnreachableError: the API does not answer.
        ResailError: the test bed does not come up, or the mesh on it does not get ready.
    """
    files = read_plan(request.plan)
    _refuse_faults(request)
    _refuse_operator(files, str(request.plan))
    progress("reading the mesh")
    snapshot = await inspect(request.mesh)
    if snapshot.cluster.id != files.plan.cluster_id:
        raise StalePlanError(
            f"it is for the cluster {files.plan.cluster_id}, and this mesh is of {snapshot.cluster.id}",
            on=str(request.plan),
            next_step="rehearse it on the mesh that it was made for, or plan again",
        )
    on = _on_twin if request.on == "twin" else _on_control_plane
    rehearsal = await on(files, snapshot, request, progress)
    keep_rehearsal(rehearsal)
    return rehearsal


def _refuse_faults(request: RehearseRequest) -> None:
    for fault in request.faults:
        parse_fault(fault)
    if request.faults and request.on != "twin":
        raise UsageError(
            "only a twin fails on order", on=f"--fault {request.faults[0]}", next_step="leave --on out, or the faults"
        )


def _refuse_operator(files: PlanFiles, on: str) -> None:
    wishes = [step.id for step in files.plan.steps if isinstance(step, InstallerStep) and isinstance(step.change, SailChange)]
    if wishes:
        raise BlockedError(
            f"a copy of the mesh has no Sail Operator that would follow {', '.join(wishes)}",
            on=on,
            next_step="apply it on a cluster for tests first",
        )


async def _on_twin(
    files: PlanFiles, snapshot: MeshSnapshot, request: RehearseRequest, progress: Callable[[str], None]
) -> Rehearsal:
    trials: list[FaultTrial] = []
    with simulated_time():
        progress("running the plan on a twin of the mesh")
        async with copy_on_twin(files, snapshot, request.seed) as copy:
            result = await forecast(copy, files, snapshot.budgets, request.seed)
        for fault in request.faults:
            progress(f"and again, with {fault}")
            trials.append(await _with_fault(files, snapshot, request.seed, fault))
    return msgspec.structs.replace(result, faults=tuple(trials))


async def _on_control_plane(
    files: PlanFiles, snapshot: MeshSnapshot, request: RehearseRequest, progress: Callable[[str], None]
) -> Rehearsal:
    async with copy_on_bed(files.plan, snapshot, request.release_directories, progress) as copy:
        await put_in_the_way(copy.cluster, files)
        progress("running the plan on it")
        return await forecast(copy, files, snapshot.budgets, request.seed)


async def _with_fault(files: PlanFiles, snapshot: MeshSnapshot, seed: int, fault: str) -> FaultTrial:
    async with copy_on_twin(files, snapshot, seed, fault) as copy, trial_on(copy, files) as trial:
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
