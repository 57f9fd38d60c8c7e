"""Plan files that were damaged or forged."""

import io
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from resail.models.encoding import canonical_json, digest_of, pretty_json
from resail.plan.file import write_plan
from tests.fuzz.mutations import spoiled_bytes, spoiled_tree
from tests.fuzz.verdict import ends_well, few_and_many, files_below
from tests.report.runs import a_plan

BROKEN = 9
UNREACHABLE = 8


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plans")


def valid(folder: Path) -> bytes:
    write_plan(folder / "valid.zip", a_plan())
    return (folder / "valid.zip").read_bytes()


def read(place: Path, data: bytes, codes: set[int]) -> None:
    """Every command that reads a plan."""
    plan = place / "plan.zip"
    plan.write_bytes(data)
    before = files_below(place)
    code = ends_well(codes, "show", plan)
    nowhere = ("--kubeconfig", place / "nowhere")
    for command in (("diff", plan), ("apply", plan, "--dir", place / "state")):
        ends_well({BROKEN} if code == BROKEN else {UNREACHABLE, BROKEN, 2, 3}, *command, *nowhere)
    assert files_below(place) == before


def _bytes() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return valid(Path(folder))


VALID = _bytes()
TREE: Any = msgspec.json.decode(pretty_json(a_plan().plan))


def archived(plan: Any, manifests: Any) -> bytes:
    """An archive as the program makes it, of whatever is in it."""
    members = {
        "digest": digest_of((plan, manifests)).encode() + b"\n",
        "plan.json": pretty_json(plan),
        **{f"manifests/{name}": canonical_json(objects) for name, objects in manifests.items()},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def damaged(place: Path, data: bytes) -> None:
    if data != VALID:
        read(place, data, {BROKEN})


def forged(place: Path, plan: Any) -> None:
    try:
        data = archived(plan, {})
    except OverflowError:
        return
    read(place, data, {0, BROKEN})


test_a_damaged_plan, test_many_damaged_plans = few_and_many(spoiled_bytes(VALID), few=40)(damaged)
test_a_forged_plan, test_many_forged_plans = few_and_many(spoiled_tree(TREE), few=60)(forged)
test_no_plan_at_all, test_many_no_plans_at_all = few_and_many(st.binary(max_size=64), few=10)(damaged)
