"""``resail demo``: a mesh on a twin or on a real control plane of this machine, and the plan of its upgrade."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from resail.errors import UsageError
from resail.journal.sqlite import on_the_wall
from resail.models.plan import PlanFiles, SkippedCheck, Strategy
from resail.operations.cluster_choice import TWIN, ClusterChoice, connect_to
from resail.operations.inspect import MeshChoice
from resail.operations.plan import PlanRequest, plan
from resail.testbed.bed import Bed
from resail.testbed.mesh.install import TO, install_mesh, render_mesh
from resail.twin.cluster import open_twin

__all__ = ["DemoRequest", "DemoStage", "set_stage"]

_BED = "bed"
_DATABASES = tuple(f"{name}{suffix}" for name in (TWIN, "journal.db", "journal-before.db") for suffix in ("", "-wal", "-shm"))
_OURS = (_BED, *_DATABASES, "kubeconfig", "plan.zip", "lock", "plans", "reports", "backups")


class DemoRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How the demo shall be."""

    directory: Path | None = None
    """Where everything of it is; None: below the user's state directory."""
    on: Literal["twin", "control-plane"] = "twin"
    strategy: Strategy = "canary"
    on_failure: Literal["halt", "rollback"] = "halt"


class DemoStage(msgspec.Struct, frozen=True):
    """All is set: ``resail apply`` may come on."""

    directory: Path
    cluster: ClusterChoice
    plan: Path
    files: PlanFiles

    def clear(self) -> None:
        """Stop the test bed, where there is one; a twin, the record and the plan stay."""
        Bed(self.directory / _BED).stop()


async def set_stage(request: DemoRequest, progress: Callable[[str], None]) -> DemoStage:
    """Make a twin or start a test bed, install the mesh, plan its upgrade; what an earlier demo left there is removed.

    Raises:
        UsageError: the directory holds something that no demo left there.
        ArtifactError: a program of the bed or a release is not to be had.
        ResailError: the bed or the mesh does not come up.
    """
    directory = _emptied(request.directory)
    cluster = await _new_twin(directory) if request.on == "twin" else await _new_bed(directory, progress)
    mesh = await render_mesh(progress)
    async with connect_to(cluster) as connection, connection.open_installer() as installer:
        await install_mesh(connection.cluster, installer, mesh, progress)
    path = directory / "plan.zip"
    wish = PlanRequest(
        mesh=MeshChoice(cluster=cluster),
        target=str(TO),
        strategy=request.strategy,
        on_failure=request.on_failure,
        max_parallel=5,
        # On a twin it is not asked for.
        skipped=() if request.on == "twin" else (SkippedCheck("images", "nothing pulls images on a test bed"),),
        out=path,
    )
    files = await plan(wish, progress)
    return DemoStage(directory, cluster, path, files)


async def _new_twin(directory: Path) -> ClusterChoice:
    path = directory / TWIN
    async with open_twin(path, start=on_the_wall()):
        return ClusterChoice(twin=path)


async def _new_bed(directory: Path, progress: Callable[[str], None]) -> ClusterChoice:
    bed = Bed.start(directory / _BED, progress)
    path = directory / "kubeconfig"
    shutil.copy(bed.kubeconfig, path)
    return ClusterChoice(kubeconfig=path)


def _emptied(wished: Path | None) -> Path:
    if wished is None:
        from platformdirs import user_state_path

        wished = user_state_path("resail") / "demo"
    directory = wished.absolute()
    strange = sorted(path.name for path in directory.iterdir() if path.name not in _OURS) if directory.is_dir() else []
    if strange:
        raise UsageError(
            f"it holds {', '.join(strange[:3])}, which no demo left there", on=str(directory), next_step="give another --dir"
        )
    Bed(directory / _BED).stop()
    for name in _OURS:
        path = directory / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    return directory
