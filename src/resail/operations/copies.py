"""Copies of a mesh to try things on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from resail.models.snapshot import MeshSnapshot
from resail.snapshot.stand_in import stand_in
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loading import load

__all__ = ["twin_of"]

_SETTLED = timedelta(hours=1)
"""For how long what is ready on a copy has been so."""


@asynccontextmanager
async def twin_of(
    snapshot: MeshSnapshot, now: datetime, *, path: Path | None = None, seed: int = 0, faults: tuple[str, ...] = ()
) -> AsyncIterator[TwinCluster]:
    """A new twin with the objects of a mesh, whose workloads take as long to get ready as theirs.

    Args:
        snapshot: the mesh.
        now: the time on the twin's clock.
        path: where it is kept; None: nowhere.
        seed: for the names that it makes up.
        faults: what goes wrong on it.
    """
    ready = {workload.ref: workload.ready_seconds for workload in snapshot.workloads if workload.ready_seconds}
    async with open_twin(path, seed=seed, start=now, ready_seconds=ready, faults=faults) as twin:
        load(twin.server, stand_in(snapshot, now - _SETTLED))
        twin.store.save()
        yield twin
