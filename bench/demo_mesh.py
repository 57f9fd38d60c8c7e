"""The demo mesh as a snapshot, and plans of its upgrade; made on a twin, so that no bed is needed."""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.results import say
from resail.models.plan import PlanFiles
from resail.models.snapshot import MeshSnapshot
from resail.operations.cluster_choice import twin_connection
from resail.operations.inspect import MeshChoice
from resail.operations.plan import PlanRequest, plan
from resail.snapshot import capture
from resail.snapshot.file import save_snapshot
from resail.testbed.mesh.install import TO, RenderedMesh, install_mesh, render_mesh
from resail.twin import loop
from resail.twin.cluster import open_twin

__all__ = ["demo_mesh", "plan_upgrade"]


def demo_mesh() -> MeshSnapshot:
    """At Istio 1.26.0, all pods ready."""
    return loop.run(_installed(asyncio.run(render_mesh(say))))


def plan_upgrade(mesh: MeshSnapshot, out: Path | None = None) -> PlanFiles:
    """To Istio 1.27.9, five workloads at a time."""
    with tempfile.TemporaryDirectory(prefix="resail-bench-") as folder:
        path = Path(folder) / "mesh.json"
        save_snapshot(path, mesh)
        return asyncio.run(plan(PlanRequest(mesh=MeshChoice(snapshot=path), target=str(TO), max_parallel=5, out=out), say))


async def _installed(mesh: RenderedMesh) -> MeshSnapshot:
    async with open_twin(start=datetime.now(UTC)) as twin:
        connection = twin_connection(twin, twin.clock)
        async with connection.open_installer() as installer:
            await install_mesh(twin, installer, mesh, say)
        return await capture(twin)
