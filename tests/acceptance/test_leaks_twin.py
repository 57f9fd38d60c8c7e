"""An upgrade of a small mesh with Secrets, on a twin: what `test_leaks_bed` shows of a real one, in seconds."""

import json
from pathlib import Path
from typing import Any

from resail.cluster import Cluster
from resail.operations.bundle import write_bundle
from resail.operations.doctor import DoctorRequest, consult
from resail.operations.inspect import inspect
from resail.operations.rehearse import RehearseRequest, rehearse
from resail.snapshot.file import save_snapshot
from tests.acceptance.crashes import settle
from tests.acceptance.leaks import Search
from tests.acceptance.test_in_the_way import Stage
from tests.acceptance.test_leaks_bed import held, objects

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def as_applied(secret: dict[str, Any]) -> dict[str, Any]:
    """With what kubectl notes down, in a namespace that the mesh has."""
    metadata = {**secret["metadata"], "namespace": "front"}
    return {**secret, "metadata": {**metadata, "annotations": {APPLIED: json.dumps(secret)}}}


async def plant(cluster: Cluster) -> None:
    for secret in map(as_applied, objects()):
        await cluster.apply(secret, manager="kubectl")


def test_no_value_of_a_secret_is_left_anywhere(small_place: Path) -> None:
    stage = Stage(small_place, small_place / "releases")
    stage.alter(plant)
    left = stage.directory
    stage.plan()
    settle(rehearse(RehearseRequest(plan=stage.plan_file, mesh=stage.mesh), lambda _: None))
    assert stage.apply().error is None
    save_snapshot(left / "mesh.json", settle(inspect(stage.mesh)))
    request = DoctorRequest(cluster=stage.mesh.cluster, directory=left)

    async def bundle() -> None:
        await write_bundle(await consult(request), request, left / "bundle.zip")

    settle(bundle())

    search = Search(held())
    found = search.directory(left)
    assert any(told.startswith("twin.db") for told in found), "the mesh itself has them"
    assert [told for told in found if not told.startswith("twin.db")] == []
    assert {path.name for path in left.iterdir()} >= {"journal.db", "plans", "reports", "backups", "mesh.json", "bundle.zip"}
    assert search.data(stage.plan_file.read_bytes(), "plan") == []
