"""Hazards of the last upgrade, where their places are not well now."""

import asyncio
from pathlib import Path
from typing import Any, cast

import msgspec

from resail.checks.diagnosis.examination import examine
from resail.checks.hazards.case import Case
from resail.models.diagnosis import Examination
from resail.operations.last_upgrade import last_upgrade
from resail.operations.runs import StateDirectory
from tests.checks.diagnosis.breakages import BREAKAGES
from tests.checks.diagnosis.mesh import NEW, OLD, Mesh, canary, plain
from tests.checks.diagnosis.test_examination import ids, situation_of


def upgrade_of(mesh: Mesh, tmp_path: Path) -> Case | None:
    # It is only read.
    cluster = cast(Any, mesh.reader())
    return asyncio.run(last_upgrade(cluster, StateDirectory(tmp_path), situation_of(mesh)))


def examined_with_its_history(mesh: Mesh, tmp_path: Path) -> Examination:
    case = upgrade_of(mesh, tmp_path)
    assert case is not None
    return examine(msgspec.structs.replace(situation_of(mesh), case=case))


def test_two_control_planes_tell_of_a_canary(tmp_path: Path) -> None:
    case = upgrade_of(canary(), tmp_path)

    assert case is not None
    assert (str(case.installed), str(case.target), case.strategy) == ("1.26.0", "1.27.9", "canary")
    assert (case.revision, case.new_revision) == (OLD, NEW)


def test_a_mesh_that_was_never_upgraded_tells_nothing(tmp_path: Path) -> None:
    assert upgrade_of(plain(), tmp_path) is None


def test_a_hazard_whose_place_is_not_well_comes_behind_the_cause(tmp_path: Path) -> None:
    mesh = canary()
    BREAKAGES["istiod_crash_loops"](mesh)

    found = examined_with_its_history(mesh, tmp_path)

    assert ids(found) == ["istiod-crash-loops", "W1"]
    hazard = found.diagnoses[1]
    assert (hazard.hazard, hazard.certainty) == ("W1", "possible")
    assert hazard.undo[0].endswith(".")
    assert hazard.source.startswith("https://")


def test_on_a_healthy_mesh_no_hazard_has_struck(tmp_path: Path) -> None:
    assert examined_with_its_history(canary(), tmp_path).verdict == "healthy"


def test_all_at_once_are_told_before_any_hazard(tmp_path: Path) -> None:
    mesh = canary()
    for breakage in BREAKAGES.values():
        breakage(mesh)

    found = examined_with_its_history(mesh, tmp_path)

    assert [one.certainty for one in found.diagnoses[: len(BREAKAGES)]] == ["certain"] * 11 + ["likely"]
    assert all(one.certainty == "possible" and one.hazard for one in found.diagnoses[len(BREAKAGES) :])
