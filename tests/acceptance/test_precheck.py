"""A clean mesh has nothing in its way, whichever hop it takes; and what is in a hop's way is told, and blocks."""

from pathlib import Path

import pytest

from resail.models.identity import IstioVersion
from resail.models.precheck import Precheck
from resail.operations.cluster_choice import ClusterChoice, connect_to
from resail.operations.inspect import MeshChoice
from resail.operations.precheck import PrecheckRequest, precheck
from resail.testbed.mesh.install import install_mesh, render_mesh
from resail.twin.cluster import open_twin
from tests.acceptance.crashes import settle

HOPS = (("1.24.0", "1.25.1"), ("1.25.1", "1.26.0"), ("1.26.0", "1.27.9"))

EXPECTED = {
    "canary": {"image-pin-moved", "old-revision-stays"},
    "in-place": {"image-pin-moved"},
}
"""What is true of this mesh on every hop: its istiod has a pinned tag, and nobody removes a revision without being asked."""


async def checked(twin: Path, installed: str, target: str, strategy: str) -> Precheck:
    mesh = await render_mesh(print, IstioVersion.parse(installed))
    choice = ClusterChoice(twin=twin)
    async with open_twin(twin):
        pass
    async with connect_to(choice) as connection, connection.open_installer() as installer:
        await install_mesh(connection.cluster, installer, mesh, print)
    wish = PrecheckRequest(
        mesh=MeshChoice(cluster=choice), target=target, strategy="canary" if strategy == "canary" else "in-place"
    )
    return await precheck(wish, print)


@pytest.mark.parametrize("strategy", ["canary", "in-place"])
@pytest.mark.parametrize(("installed", "target"), HOPS)
def test_the_clean_mesh_is_ready(tmp_path: Path, installed: str, target: str, strategy: str) -> None:
    result = settle(checked(tmp_path / "twin.db", installed, target, strategy))

    assert result.verdict == "ready"
    assert {finding.id for finding in result.findings} == EXPECTED[strategy]
    assert result.hops == (target,)
