"""What a rehearsal on a twin foretells is what happens on the real control plane.

The mesh is the demo's as capture reads it on the bed; how long its workloads take to get ready is drawn from a seed.
"""

import asyncio
from pathlib import Path

import msgspec
import pytest

from resail.kube import connect
from resail.models.encoding import pretty_json
from resail.models.plan import PlanFiles
from resail.models.rehearsal import Rehearsal
from resail.models.snapshot import MeshSnapshot
from resail.operations.copies import copy_on_bed, copy_on_twin
from resail.operations.inspect import MeshChoice
from resail.operations.plan import PlanRequest, plan
from resail.rehearsal.forecast import forecast
from resail.rehearsal.leftovers import leftovers
from resail.snapshot import capture
from resail.snapshot.file import save_snapshot
from resail.testbed.bed import Bed
from resail.testbed.mesh.install import TO
from resail.testbed.mesh.readiness import with_readiness
from resail.twin import loop

Outcome = tuple[Rehearsal, MeshSnapshot]
"""And the mesh at the end."""


@pytest.mark.bed
def test_the_twin_foretells_the_control_plane(mesh_bed: Bed, tmp_path: Path) -> None:
    compare(mesh_bed, tmp_path, seed=7)


@pytest.mark.bed
@pytest.mark.soak
@pytest.mark.parametrize("seed", [104_729, 224_737, 350_377])
def test_the_twin_foretells_it_for_other_seeds(mesh_bed: Bed, tmp_path: Path, seed: int) -> None:
    compare(mesh_bed, tmp_path, seed)


def compare(bed: Bed, folder: Path, seed: int) -> None:
    mesh = with_readiness(asyncio.run(captured(bed)), seed)
    save_snapshot(folder / "mesh.json", mesh)
    files = asyncio.run(planned(folder))

    foretold = loop.run(on_twin(files, mesh))
    prediction = folder / "prediction.json"
    prediction.write_bytes(pretty_json(foretold))
    prediction.chmod(0o400)
    written = prediction.stat().st_mtime_ns
    # The prediction is what the file says: nothing of the real run can have gone into it.
    rehearsal, end = msgspec.json.decode(prediction.read_bytes(), type=Outcome)
    real, real_end = asyncio.run(on_bed(files, mesh))

    assert prediction.stat().st_mtime_ns == written
    assert (rehearsal.on, real.on) == ("twin", "control-plane")
    assert (rehearsal.state, real.state) == ("done", "done"), real.detail
    assert rehearsal.restarts == real.restarts
    assert {"checkout/Deployment/payment", "checkout/StatefulSet/orders", "ingress/Deployment/gateway"} <= set(real.restarts)
    assert [step.step for step in rehearsal.critical_path] == [step.step for step in real.critical_path]
    assert leftovers(end, real_end) == ()
    assert leftovers(mesh, real_end) != (), "the upgrade changed something"
    assert [(one.budget, one.needed, one.pods) for one in sorted(rehearsal.budgets)] == [
        (one.budget, one.needed, one.pods) for one in sorted(real.budgets)
    ]


async def captured(bed: Bed) -> MeshSnapshot:
    async with connect(bed.kubeconfig) as cluster:
        return await capture(cluster)


async def planned(folder: Path) -> PlanFiles:
    wish = PlanRequest(mesh=MeshChoice(snapshot=folder / "mesh.json"), target=str(TO), max_parallel=5, out=folder / "plan.zip")
    return await plan(wish, print)


async def on_twin(files: PlanFiles, mesh: MeshSnapshot) -> Outcome:
    async with copy_on_twin(files, mesh, 0) as copy:
        rehearsal = await forecast(copy, files, mesh.budgets, 0)
        return rehearsal, await capture(copy.cluster)


async def on_bed(files: PlanFiles, mesh: MeshSnapshot) -> Outcome:
    async with copy_on_bed(files.plan, mesh, (), print) as copy:
        rehearsal = await forecast(copy, files, mesh.budgets, 0)
        return rehearsal, await capture(copy.cluster)
