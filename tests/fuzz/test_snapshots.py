"""Snapshot files that were damaged, or written by hand."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from resail.errors import ExitCode, ResailError
from resail.models.encoding import pretty_json
from resail.operations.inspect import MeshChoice
from resail.operations.plan import PlanRequest, plan
from resail.snapshot import capture
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.acceptance.small_mesh import TO, make_mesh, open_small_charts
from tests.fuzz.mutations import spoiled_bytes, spoiled_tree
from tests.fuzz.verdict import ends_well, few_and_many, files_below
from tests.releases.releases_on_disk import unpack


def _valid() -> bytes:
    async def look(path: Path) -> bytes:
        async with open_twin(path) as twin:
            return pretty_json(await capture(twin))

    with tempfile.TemporaryDirectory() as folder:
        make_mesh(Path(folder) / "mesh.db")
        return run(look(Path(folder) / "mesh.db"))


VALID = _valid()
TREE: Any = json.loads(VALID)
REFUSED = {ExitCode.USAGE, ExitCode.BLOCKED, ExitCode.ARTIFACT}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshots")
    unpack(folder, TO)
    return folder


def read(place: Path, data: bytes) -> None:
    """It is shown, or refused; and planned from, or refused."""
    file = place / "mesh.json"
    file.write_bytes(data)
    before = files_below(place)
    code = ends_well({0, ExitCode.ARTIFACT}, "inspect", "--snapshot", file)
    request = PlanRequest(mesh=MeshChoice(snapshot=file), target=TO, release_directories=(place / f"istio-{TO}",))
    try:
        asyncio.run(plan(request, lambda _: None, open_small_charts))
    except ResailError as error:
        assert error.exit_code in REFUSED, error
        assert code == 0 or error.exit_code == code
    assert files_below(place) == before


def forged(place: Path, tree: Any) -> None:
    read(place, json.dumps(tree, ensure_ascii=False).encode())


def test_it_is_planned_from_where_nothing_is_wrong(place: Path) -> None:
    forged(place, TREE)
    request = PlanRequest(mesh=MeshChoice(snapshot=place / "mesh.json"), target=TO, release_directories=(place / f"istio-{TO}",))
    assert asyncio.run(plan(request, lambda _: None, open_small_charts)).plan.steps


test_a_damaged_snapshot, test_many_damaged_snapshots = few_and_many(spoiled_bytes(VALID), few=10)(read)
test_a_forged_snapshot, test_many_forged_snapshots = few_and_many(spoiled_tree(TREE), few=25)(forged)
