"""Copies of a mesh to try things on: on a twin, or on a real control plane of this machine."""

import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from resail.errors import UsageError
from resail.installers.helm import open_helm
from resail.installers.istioctl import IstioctlCommand
from resail.installers.istioctl_rendered import RenderedIstioctl
from resail.installers.rendered import RenderedInstaller
from resail.journal.sqlite import on_the_wall
from resail.kube import connect
from resail.kube.clock import SystemClock
from resail.models.identity import ObjectRef
from resail.models.plan import Plan, PlanFiles
from resail.models.release import Release
from resail.models.snapshot import MeshSnapshot
from resail.operations.istioctl import istioctl_store
from resail.operations.planned_releases import planned_istioctls, planned_releases
from resail.operations.verify import MeshVerifier
from resail.rehearsal.obstacles import put_in_the_way
from resail.rehearsal.pace import PacedInstaller
from resail.rehearsal.trial import Copy
from resail.snapshot.stand_in import stand_in
from resail.testbed.bed import Bed
from resail.testbed.filling import fill
from resail.testbed.tools import ISTIO_VERSIONS
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loading import load

__all__ = ["copy_on_bed", "copy_on_twin", "twin_of"]

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
    async with open_twin(path, seed=seed, start=now, ready_seconds=_ready_seconds(snapshot), faults=faults) as twin:
        load(twin.server, stand_in(snapshot, now - _SETTLED))
        twin.store.save()
        yield twin


@asynccontextmanager
async def copy_on_twin(files: PlanFiles, snapshot: MeshSnapshot, seed: int, *faults: str) -> AsyncIterator[Copy]:
    """A twin of the mesh, on which the plan's own manifests are applied; to be used in simulated time."""
    async with twin_of(snapshot, on_the_wall(), seed=seed, faults=faults) as twin:
        await put_in_the_way(twin, files)
        releases = tuple(Release(hop.to_version, "", "the plan", hop.release_digest) for hop in files.plan.hops)
        installer = PacedInstaller(RenderedInstaller(twin, twin), twin.clock)
        istioctl = RenderedIstioctl(twin, twin)
        yield Copy("twin", twin, twin.clock, installer, istioctl, MeshVerifier(twin), releases)


@asynccontextmanager
async def copy_on_bed(
    plan: Plan, snapshot: MeshSnapshot, release_directories: Sequence[Path], progress: Callable[[str], None]
) -> AsyncIterator[Copy]:
    """A test bed with the desired state of the mesh, on which Helm applies the charts; it is gone afterwards.

    Raises:
        UsageError: there is no istiod of a version that the mesh or the plan has.
        ArtifactError: a release is not to be had or another one, or a program of the bed is missing and cannot be built.
        ResailError: the bed does not come up, or the mesh on it does not get ready.
    """
    istio = _istio_versions(plan, snapshot)
    releases = await planned_releases(plan, release_directories, progress)
    with tempfile.TemporaryDirectory(prefix="resail-bed-") as folder:
        bed = Bed(Path(folder) / "bed")
        try:
            # Not in a thread: one that goes on after an interruption would leave a bed behind.
            Bed.start(bed.layout.root, progress, istio)
            progress("filling the test bed with the mesh")
            async with connect(bed.kubeconfig_of("deployer")) as cluster:
                await fill(cluster, stand_in(snapshot, on_the_wall() - _SETTLED), _ready_seconds(snapshot))
            async with connect(bed.kubeconfig) as cluster, open_helm(cluster.access, cluster, cluster) as helm:
                istioctl = IstioctlCommand(istioctl_store, cluster.access)
                await istioctl.prepare(planned_istioctls(plan), release_directories, progress)
                yield Copy("control-plane", cluster, SystemClock(), helm, istioctl, MeshVerifier(cluster), releases)
        finally:
            bed.stop()


def _istio_versions(plan: Plan, snapshot: MeshSnapshot) -> tuple[str, ...]:
    needed = {plane.version for plane in snapshot.control_planes} | {str(hop.to_version) for hop in plan.hops}
    lacking = sorted(needed - set(ISTIO_VERSIONS))
    if lacking:
        raise UsageError(
            f"the test bed has no istiod of {', '.join(version or 'a version that no image tells' for version in lacking)}, only "
            f"of {', '.join(ISTIO_VERSIONS)}",
            on="--on control-plane",
            next_step="rehearse with --on twin",
        )
    return tuple(sorted(needed))


def _ready_seconds(snapshot: MeshSnapshot) -> dict[ObjectRef, float]:
    return {workload.ref: workload.ready_seconds for workload in snapshot.workloads if workload.ready_seconds}
