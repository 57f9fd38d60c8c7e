"""What `resail rollback --dry-run` lists is what the rollback then does; and it writes nothing."""

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from resail.journal.sqlite import open_journal
from resail.models.journal import StepIntent
from resail.operations.cluster_choice import TWIN
from resail.operations.demo import DemoRequest, DemoStage, set_stage
from tests.acceptance.crashes import settle
from tests.acceptance.foreseen import entries_of, foreseen_on_a_copy, otherwise
from tests.acceptance.test_walk import ALL, COMMITS, turn, undoing, upgrading
from tests.acceptance.test_walk_istioctl import COMMITS as ISTIOCTL_COMMITS
from tests.acceptance.test_walk_istioctl import Stage, mesh, stage
from tests.acceptance.test_walk_istioctl import upgrading as upgrading_by_istioctl
from tests.acceptance.twin_world import at_rest

__all__ = ["mesh", "stage"]

SEED = 11


def has_begun(directory: Path) -> bool:
    journal = open_journal(directory / "journal.db")
    return any(isinstance(entry.body, StepIntent) for run in journal.runs() for entry in journal.entries(run.id))


def complaints(directory: Path, place: Path) -> list[str]:
    """What the rollback does otherwise than it was foretold.

    What controllers are in the middle of comes to its end first: pods that they make between the two are in neither's hands.
    """
    at_rest(directory / TWIN)
    foreseen = foreseen_on_a_copy(directory, place)
    before = len(entries_of(directory))
    settle(undoing(directory))
    return otherwise(foreseen, entries_of(directory)[before:])


def all_complaints(left: Iterable[Path], place: Path) -> dict[str, list[str]]:
    found = {path.name: complaints(path, place / path.name) for path in left if has_begun(path)}
    return {name: told for name, told in found.items() if told}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoStage:
    return settle(set_stage(DemoRequest(directory=tmp_path_factory.mktemp("demo") / "demo"), print))


def some(highest: int, count: int, seed: int) -> frozenset[int]:
    return frozenset(random.Random(seed).sample(range(20, highest), count))


def test_from_some_positions_of_a_canary_by_helm(demo: DemoStage, tmp_path: Path) -> None:
    whole = turn(demo.directory, tmp_path, upgrading(demo), some(COMMITS, 2, SEED))
    assert all_complaints([*whole.left, whole.directory], tmp_path / "seen") == {}


def test_from_some_positions_of_a_rollback(demo: DemoStage, tmp_path: Path) -> None:
    whole = turn(demo.directory, tmp_path / "there", upgrading(demo), ())
    back = turn(whole.directory, tmp_path / "back", undoing, some(COMMITS, 1, SEED))
    assert all_complaints(back.left, tmp_path / "seen") == {}


def test_from_some_positions_by_istioctl(stage: Stage, tmp_path: Path) -> None:
    moments = some(ISTIOCTL_COMMITS[stage.strategy], 2, SEED)
    whole = turn(stage.directory, tmp_path, upgrading_by_istioctl(stage), moments)
    assert all_complaints([*whole.left, whole.directory], tmp_path / "seen") == {}


@pytest.mark.soak
def test_from_all_positions_of_a_canary_by_helm(demo: DemoStage, tmp_path: Path) -> None:
    whole = turn(demo.directory, tmp_path, upgrading(demo), ALL)
    assert all_complaints(whole.left, tmp_path / "seen") == {}


@pytest.mark.soak
def test_from_all_positions_by_istioctl(stage: Stage, tmp_path: Path) -> None:
    whole = turn(stage.directory, tmp_path, upgrading_by_istioctl(stage), ALL)
    assert all_complaints(whole.left, tmp_path / "seen") == {}
