"""The release notes that the demo's mesh is told on its way: those that concern it, and no others."""

from datetime import date
from pathlib import Path

import msgspec

from resail.checks.hazards.case import Case
from resail.checks.hazards.parts import parts_of
from resail.checks.notes import relevant_notes
from resail.models.identity import IstioVersion
from resail.operations.cluster_choice import ClusterChoice, connect_to
from resail.releases.facts import facts_on_the_way
from resail.snapshot.mesh_objects import capture_all
from resail.testbed.mesh.install import install_mesh, render_mesh
from resail.twin.cluster import open_twin
from tests.acceptance.crashes import settle

TOLD = {
    ("1.19.0", "1.20.0"): ["note-1.20-startupProbe"],
    ("1.23.0", "1.24.0"): [],
    ("1.24.0", "1.25.1"): [],
    ("1.25.1", "1.26.0"): [],
    ("1.26.0", "1.27.9"): [],
    ("1.27.9", "1.28.6"): [],
    ("1.24.0", "1.30.3"): [],
}


async def case_of_demo(twin: Path) -> Case:
    version = IstioVersion(1, 24, 0)
    mesh = await render_mesh(print, version)
    async with open_twin(twin):
        pass
    async with connect_to(ClusterChoice(twin=twin)) as connection, connection.open_installer() as installer:
        await install_mesh(connection.cluster, installer, mesh, print)
        snapshot, objects = await capture_all(connection.cluster)
    return Case(
        installed=version,
        target=version,
        strategy="canary",
        snapshot=snapshot,
        objects=objects,
        today=date(2026, 11, 25),
        parts=parts_of(snapshot),
    )


def test_the_demo_is_told_what_concerns_it(tmp_path: Path) -> None:
    case = settle(case_of_demo(tmp_path / "twin.db"))

    told = {}
    for hop in TOLD:
        installed, target = map(IstioVersion.parse, hop)
        of_hop = msgspec.structs.replace(case, installed=installed, target=target)
        relevant, rest = relevant_notes(of_hop, facts_on_the_way(installed, target))
        told[hop] = [finding.id for finding in relevant]
        assert rest
    assert told == TOLD
