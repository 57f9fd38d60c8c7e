"""Meshes like the demo's, but for how long their pods take to get ready."""

import random

import msgspec

from resail.models.snapshot import MeshSnapshot

__all__ = ["with_readiness"]

_LEAST, _MOST = 5.0, 12.0  # seconds


def with_readiness(mesh: MeshSnapshot, seed: int) -> MeshSnapshot:
    """The mesh with 5 to 12 seconds for each workload, drawn from the seed; Istio's own are ready at once."""
    drawn = random.Random(seed)
    workloads = tuple(
        msgspec.structs.replace(
            one, ready_seconds=drawn.uniform(_LEAST, _MOST) if one.ref.namespace != mesh.istio_namespace else 0.0
        )
        for one in mesh.workloads
    )
    return msgspec.structs.replace(mesh, workloads=workloads)
