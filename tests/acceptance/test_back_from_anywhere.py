"""A rollback from any position of a run: all is as before, and only what had moved is restarted, once.

A position is what the journal and the twin's file hold after a commit to either; see ``crashes``.
"""

import os
import random
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import msgspec
import pytest

from resail.errors import UsageError
from resail.journal.sqlite import open_journal
from resail.models.identity import Manifest
from resail.models.plan import Strategy
from resail.operations.apply import RollbackRequest, rollback
from resail.operations.cluster_choice import TWIN
from resail.operations.demo import DemoRequest, set_stage
from tests.acceptance.back_again import PodsMade, wrongly_restarted
from tests.acceptance.crashes import committing, leave_behind, settle
from tests.acceptance.exemptions import BASE_STAYS
from tests.acceptance.small_istioctl import make_mesh_by_istioctl
from tests.acceptance.test_hostile_api import tell
from tests.acceptance.test_walk import ALL, Work, turn, upgrading
from tests.acceptance.test_walk_istioctl import set_stage_by_istioctl
from tests.acceptance.test_walk_istioctl import upgrading as upgrading_by_istioctl
from tests.acceptance.twin_world import at_rest, pods_in, world_in
from tests.acceptance.world import differences

SEED = int(os.environ.get("RESAIL_SEED") or 7)

KINDS: tuple[tuple[str, Strategy], ...] = (
    ("helm", "canary"),
    ("helm", "in-place"),
    ("istioctl", "canary"),
    ("istioctl", "in-place"),
)

COMMITS = {"helm": 250, "istioctl": 90}
"""Fewer than those of a run."""

ROLLBACK_COMMITS = 60
"""Within these a rollback is killed, too; of a run that had just begun it may have fewer."""


class Run(msgspec.Struct, frozen=True):
    """An upgrade that is to be undone."""

    directory: Path
    """Where it starts."""
    work: Work
    before: list[Manifest]
    stays: Collection[str] = ()
    """Differences that no rollback undoes."""


def run_of(installer: str, strategy: Strategy, place: Path) -> Run:
    if installer == "helm":
        demo = settle(set_stage(DemoRequest(directory=place / "demo", strategy=strategy), print))
        return Run(demo.directory, upgrading(demo), objects_before(demo.directory, place))
    mesh = place / TWIN
    make_mesh_by_istioctl(mesh)
    stage = set_stage_by_istioctl(mesh, place, strategy)
    stays = BASE_STAYS if strategy == "canary" else ()
    return Run(stage.directory, upgrading_by_istioctl(stage), objects_before(stage.directory, place), stays)


def objects_before(directory: Path, place: Path) -> list[Manifest]:
    return at_rest(Path(shutil.copy(directory / TWIN, place / "before.db")))


def rolled_back(run: Run, directory: Path, moment: int) -> Iterator[tuple[str, list[str]]]:
    """What is amiss after a rollback from there, and after one that was killed at that commit of its own and run again."""
    if not open_journal(directory / "journal.db").runs():
        yield directory.name, nothing_to_undo(run, directory)
        return
    pods = PodsMade()
    killed: list[tuple[Path, PodsMade]] = []

    def seen(commit: int) -> None:
        if commit == moment:
            killed.append((leave_behind(directory, directory.with_name(f"{directory.name}-and-{moment}")), pods.so_far()))

    with committing(seen):
        settle(rollback(RollbackRequest(directory=directory), connect=pods.connect))
    yield directory.name, amiss(run, directory, pods)
    for copy, its_pods in killed:
        again(copy, its_pods)
        yield copy.name, amiss(run, copy, its_pods)
        shutil.rmtree(copy)


def again(directory: Path, pods: PodsMade) -> None:
    """What a person does after the kill."""
    if open_journal(directory / "journal.db").run(None).state != "rolled-back":
        settle(rollback(RollbackRequest(directory=directory), connect=pods.connect))


def nothing_to_undo(run: Run, directory: Path) -> list[str]:
    """Before its first entry."""
    with pytest.raises(UsageError):
        settle(rollback(RollbackRequest(directory=directory)))
    return differences(world_in(run.before), world_in(at_rest(directory / TWIN)))


def amiss(run: Run, directory: Path, pods: PodsMade) -> list[str]:
    state = open_journal(directory / "journal.db").run(None).state
    found = at_rest(directory / TWIN)
    told = [one for one in differences(world_in(run.before), world_in(found)) if one not in run.stays]
    told += [f"pods {one}" for one in (pods_in(run.before) - pods_in(found), pods_in(found) - pods_in(run.before)) if one]
    told += wrongly_restarted(run.before, pods.found, pods.made, found)
    return told if state == "rolled-back" else [f"the run is {state}", *told]


def walk(run: Run, place: Path, moments: Collection[int] | range, kill: Callable[[], int]) -> dict[str, list[str]]:
    """Position → what is amiss after a rollback from there."""
    found: dict[str, list[str]] = {}
    for directory in turn(run.directory, place, run.work, moments).left:
        found.update(rolled_back(run, directory, kill()))
        shutil.rmtree(directory)
    return found


@pytest.mark.parametrize(("installer", "strategy"), KINDS[1:])
def test_from_one_position(installer: str, strategy: Strategy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the demo, which is large, in place alone, and killed but once: ``test_walk`` kills its rollbacks."""
    tell(capsys, f"RESAIL_SEED={SEED}")
    drawn = random.Random(SEED)
    position = drawn.randrange(20, COMMITS[installer])
    moment = drawn.randrange(1, ROLLBACK_COMMITS) if installer == "istioctl" else 0
    found = walk(run_of(installer, strategy, tmp_path), tmp_path / "walk", {position}, lambda: moment)
    assert len(found) == (2 if moment else 1)
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.soak
@pytest.mark.parametrize(("installer", "strategy"), KINDS)
def test_from_all_positions(installer: str, strategy: Strategy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fifth of the rollbacks is killed, too."""
    drawn = random.Random(SEED)
    found = walk(
        run_of(installer, strategy, tmp_path),
        tmp_path / "walk",
        ALL,
        lambda: drawn.randrange(1, ROLLBACK_COMMITS) if drawn.random() < 0.2 else 0,
    )
    killed = [name for name in found if "-and-" in name]
    tell(capsys, f"RESAIL_SEED={SEED}: {len(found) - len(killed)} positions, {len(killed)} rollbacks killed")
    assert len(found) > COMMITS[installer]
    assert {name: told for name, told in found.items() if told} == {}


def pod(uid: str, version: str) -> Manifest:
    owner = {"kind": "ReplicaSet", "name": "web-5c9"}
    metadata = {"namespace": "shop", "name": f"web-5c9-{uid}", "uid": uid, "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"image": f"proxyv2:{version}"}]}}


def test_what_is_restarted_for_nothing_is_told() -> None:
    old, new = [pod("a", "1"), pod("b", "1")], pod("c", "2")
    assert wrongly_restarted(old, old, [], old) == []
    again = pod("d", "1")
    assert wrongly_restarted(old, old, [again], [old[0], again]) == ["shop/Deployment/web was restarted, and had not moved"]
    back = [pod("e", "1"), pod("f", "1")]
    assert wrongly_restarted(old, [old[0], new], back, back) == []
    assert wrongly_restarted(old, [old[0], new], [again, *back], back) == ["shop/Deployment/web of 2 pods was given 3"]
