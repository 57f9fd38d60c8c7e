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


def expected_of(installed: str, strategy: str) -> set[str]:
    """What is true of this mesh: its istiod has a pinned tag and one replica (W8), nobody removes a revision unasked, and
    istio-cni before 1.25.2 may refuse the pod that would replace it (C2)."""
    found = {"image-pin-moved", "old-revision-stays" if strategy == "canary" else "W8"}
    if installed == "1.24.0":
        # istio-cni of 1.25 adds DAC_OVERRIDE.
        found.add("policy/added-capabilities")
    return found | ({"C2"} if installed in ("1.24.0", "1.25.1") else set())


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
    assert {finding.id for finding in result.findings} == expected_of(installed, strategy)
    assert result.hops == (target,)
