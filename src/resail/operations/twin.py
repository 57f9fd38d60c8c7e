"""``resail twin``: copies of a mesh in files, to try things on."""

import shutil
from datetime import datetime
from pathlib import Path

import msgspec

from resail.errors import ArtifactError, UsageError
from resail.journal.sqlite import on_the_wall
from resail.models.snapshot import MeshSnapshot
from resail.operations.cluster_choice import TWIN
from resail.operations.copies import twin_of
from resail.operations.inspect import MeshChoice, inspect
from resail.snapshot import capture
from resail.twin.cluster import open_twin
from resail.twin.loop import simulated_time

__all__ = ["TwinFacts", "load_twin", "save_twin", "show_twin"]


class TwinFacts(msgspec.Struct, frozen=True):
    """A twin in a file."""

    file: str
    """Absolute."""
    now: datetime
    """By its own clock."""
    mesh: MeshSnapshot


async def save_twin(mesh: MeshChoice, path: Path, seed: int) -> TwinFacts:
    """Make a twin of a mesh in a new file.

    Raises:
        UsageError: the file is there already.
        ArtifactError: the snapshot cannot be read.
        ClusterUnreachableError: the API does not answer.
    """
    if path.exists():
        raise UsageError("it is there already", on=str(path), next_step="give another file, or remove it")
    snapshot = await inspect(mesh)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with simulated_time():
        async with twin_of(snapshot, on_the_wall(), path=partial, seed=seed):
            pass
    partial.rename(path)
    return await show_twin(path, mesh.istio_namespace)


def load_twin(path: Path, directory: Path) -> Path:
    """Put a twin into a state directory: what is run there from then on is run on it.

    Raises:
        ArtifactError: there is no such file.
        UsageError: the directory has a cluster already.
    """
    if not path.is_file():
        raise ArtifactError("it is not there", on=str(path), next_step="make one with `resail twin save`")
    taken = [name for name in (TWIN, "kubeconfig", "journal.db") if (directory / name).exists()]
    if taken:
        raise UsageError(f"it has a {taken[0]} already", on=str(directory), next_step="give another --dir")
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / f".{TWIN}.partial"
    shutil.copy(path, partial)
    return partial.rename(directory / TWIN)


async def show_twin(path: Path, istio_namespace: str) -> TwinFacts:
    """What is on a twin.

    Raises:
        ArtifactError: the file is no twin.
    """
    if not path.is_file():
        raise ArtifactError("it is not there", on=str(path), next_step="make one with `resail twin save`")
    with simulated_time():
        async with open_twin(path) as twin:
            return TwinFacts(str(path.absolute()), twin.clock.now(), await capture(twin, istio_namespace))
