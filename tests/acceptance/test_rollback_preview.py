"""What `resail rollback --dry-run` lists is what the rollback then does; and it writes nothing."""

import random
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from resail.journal.sqlite import open_journal
from resail.models.journal import CallIntent, Entry, StepIntent, StepOutcome
from resail.models.undoing import Undoing
from resail.operations.apply import RollbackRequest
from resail.operations.cluster_choice import TWIN
from resail.operations.demo import DemoRequest, DemoStage, set_stage
from resail.operations.rollback_preview import foresee_rollback
from tests.acceptance.crashes import settle
from tests.acceptance.test_walk import ALL, COMMITS, turn, undoing, upgrading
from tests.acceptance.test_walk_istioctl import COMMITS as ISTIOCTL_COMMITS
from tests.acceptance.test_walk_istioctl import Stage, mesh, stage
from tests.acceptance.test_walk_istioctl import upgrading as upgrading_by_istioctl
from tests.acceptance.twin_world import at_rest

__all__ = ["mesh", "stage"]

SEED = 11


def foresee(directory: Path) -> Undoing:
    return settle(foresee_rollback(RollbackRequest(directory=directory)))


def entries_of(directory: Path) -> list[Entry]:
    journal = open_journal(directory / "journal.db")
    return journal.entries(journal.run(None).id)


def has_begun(directory: Path) -> bool:
    journal = open_journal(directory / "journal.db")
    return any(isinstance(entry.body, StepIntent) for run in journal.runs() for entry in journal.entries(run.id))


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file() and not path.name.startswith("twin.db")
    }


def complaints(directory: Path, place: Path) -> list[str]:
    """What the rollback does otherwise than it was foretold.

    What controllers are in the middle of comes to its end first: pods that they make between the two are in neither's hands.
    """
    at_rest(directory / TWIN)
    seen = Path(shutil.copytree(directory, place))
    before = contents(seen)
    foreseen = foresee(seen)
    told = [] if contents(seen) == before else ["it has written something"]
    shutil.rmtree(seen)
    sequence = len(entries_of(directory))
    settle(undoing(directory))
    bodies = [entry.body for entry in entries_of(directory)[sequence:]]
    intended = [body.step for body in bodies if isinstance(body, StepIntent)]
    if intended != [step.step for step in foreseen.steps]:
        told.append(f"steps {intended} instead of {[step.step for step in foreseen.steps]}")
    made = {(body.step, body.verb, body.object) for body in bodies if isinstance(body, CallIntent)}
    listed = {(step.step, write.verb, write.object) for step in foreseen.steps for write in step.writes}
    told += [f"not listed: {one}" for one in sorted(made - listed)] + [f"not made: {one}" for one in sorted(listed - made)]
    for step in foreseen.steps:
        restarted = {
            name for body in bodies if isinstance(body, StepOutcome) and body.step == step.step for name in body.restarted
        }
        if not restarted <= {str(ref) for ref in step.restarts}:
            told.append(f"{step.step} restarted {restarted}, not {step.restarts}")
        if step.alone and restarted & {str(ref) for ref in step.alone}:
            told.append(f"{step.step} restarted what it was said to leave alone")
    return told


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
