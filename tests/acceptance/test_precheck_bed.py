"""The demo's clean mesh on a real API server with real istiods and istioctls: nothing is in the way of any hop."""

import asyncio
from pathlib import Path

import pytest

from resail.installers.helm import open_helm
from resail.kube import connect
from resail.models.identity import IstioVersion
from resail.operations.istioctl import get_istioctl
from resail.testbed.bed import Bed
from resail.testbed.mesh.install import install_mesh, render_mesh
from tests.acceptance.conftest import Resail
from tests.acceptance.test_precheck import HOPS, expected_of
from tests.conftest import EMPTY

pytestmark = pytest.mark.bed


async def installed_at(bed: Bed, version: str) -> None:
    mesh = await render_mesh(print, IstioVersion.parse(version))
    async with connect(bed.kubeconfig) as cluster, open_helm(cluster.access, cluster, cluster) as helm:
        await install_mesh(cluster, helm, mesh, print)


@pytest.mark.parametrize(("installed", "target"), HOPS)
def test_the_clean_mesh_is_ready(session_bed: Bed, tmp_path: Path, installed: str, target: str) -> None:
    session_bed.reset(EMPTY)
    asyncio.run(installed_at(session_bed, installed))
    get_istioctl(target)

    resail = Resail(session_bed, tmp_path)
    for strategy in ("canary", "in-place"):
        result = resail("precheck", "--to", target, "--strategy", strategy, "-o", "json").json
        assert result["verdict"] == "ready"
        told = {finding["id"] for finding in result["findings"]}
        assert told == {*expected_of(installed, strategy), "check-skipped"}
        assert [one["id"] for one in result["not_evaluated"] if one["id"].startswith("istioctl")] == []
