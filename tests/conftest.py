"""The control-plane bed for tests: one for the session, put back to a saved state before each test that wants it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from resail.installers.helm import open_helm
from resail.kube import connect
from resail.testbed.bed import Bed
from resail.testbed.mesh.install import install_mesh, render_mesh, wait_until_ready

# How long an example takes depends on what else the machine does, and is no property of the code.
settings.register_profile("resail", deadline=None)
settings.load_profile("resail")

EMPTY = "empty"
MESH = "demo-mesh"


@pytest.fixture(scope="session")
def session_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A bed that was started empty; its state is whatever the last test left."""
    bed = Bed.start(tmp_path_factory.mktemp("bed"), print)
    bed.save(EMPTY)
    yield bed
    bed.stop()


@pytest.fixture
def empty_bed(session_bed: Bed) -> Bed:
    """A bed with nothing on it."""
    session_bed.reset(EMPTY)
    return session_bed


@pytest.fixture(scope="session")
def _mesh_saved(session_bed: Bed) -> Bed:
    session_bed.reset(EMPTY)
    asyncio.run(_install(session_bed.kubeconfig))
    session_bed.save(MESH)
    return session_bed


@pytest.fixture
def mesh_bed(_mesh_saved: Bed) -> Bed:
    """A bed with the demo mesh at Istio 1.26.0, all pods ready and istiod answering."""
    _mesh_saved.reset(MESH)
    settle(_mesh_saved)
    return _mesh_saved


async def _install(kubeconfig: Path) -> None:
    mesh = await render_mesh(print)
    async with connect(kubeconfig) as cluster, open_helm(cluster.access, cluster, cluster) as helm:
        await install_mesh(cluster, helm, mesh, print)


def settle(bed: Bed) -> None:
    """Wait until all pods are ready and each has its istiod."""
    asyncio.run(_settle(bed.kubeconfig))


async def _settle(kubeconfig: Path) -> None:
    async with connect(kubeconfig) as cluster:
        await wait_until_ready(cluster)
