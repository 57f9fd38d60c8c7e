"""A rollback from wherever a run was killed, on the bed: all is as before, and only what had moved is restarted."""

import os
import random
import subprocess
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pytest

from resail.models.plan import Strategy
from resail.plan.file import read_plan
from resail.testbed import audit
from tests.acceptance.back_again import pods_and_owners, wrongly_restarted
from tests.acceptance.conftest import OPERATOR, IstioctlMeshes, Resail
from tests.acceptance.exemptions import BASE_STAYS
from tests.acceptance.judge import unexplained
from tests.acceptance.test_hostile_api import tell
from tests.acceptance.test_kill import KILLER
from tests.acceptance.world import differences, kinds_of, world
from tests.conftest import settle

pytestmark = [pytest.mark.bed, pytest.mark.soak]

SEED = int(os.environ.get("RESAIL_SEED") or random.randrange(2**32))
STRATEGIES: tuple[Strategy, ...] = ("canary", "in-place")
CALLS = {"canary": 9, "in-place": 6}
"""No run has fewer."""

positions = pytest.mark.parametrize("number", range(3))
strategies = pytest.mark.parametrize("strategy", STRATEGIES)


def drawn(installer: str, strategy: Strategy, number: int) -> tuple[int, str]:
    """Where to kill: the call, and the moment of it."""
    moments = [(call, phase) for call in range(1, CALLS[strategy] + 1) for phase in ("before", "during", "after")]
    return random.Random(f"{SEED} {installer} {strategy}").sample(moments, 3)[number]


@positions
@strategies
def test_by_helm(resail: Resail, strategy: Strategy, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    call, phase = drawn("helm", strategy, number)
    tell(capsys, f"RESAIL_SEED={SEED}: killed {phase} call {call}")
    resail.make_plan("--strategy", strategy)
    back(resail, call, phase)


@positions
@strategies
def test_by_istioctl(
    istioctl_meshes: IstioctlMeshes, tmp_path: Path, strategy: Strategy, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    call, phase = drawn("istioctl", strategy, number)
    tell(capsys, f"RESAIL_SEED={SEED}: killed {phase} call {call}")
    istioctl_meshes.restore("1.25.1")
    resail = Resail(istioctl_meshes.bed, tmp_path)
    resail.make_plan("--strategy", strategy, "-f", str(OPERATOR))
    back(resail, call, phase, stays=BASE_STAYS if strategy == "canary" else ())


def back(resail: Resail, call: int, phase: str, *, stays: Collection[str] = ()) -> None:
    before, pods, begun = world(resail.bed), pods_and_owners(resail.bed), len(resail.bed.audit())
    command = resail.command()
    command[2:] = [KILLER, *map(str, (resail.plan, resail.state, call, phase))]
    killed = subprocess.run(command, capture_output=True, text=True, env=resail.environment)
    assert killed.returncode == -9, killed.stderr[-2000:]
    left, undoing = pods_and_owners(resail.bed), len(resail.bed.audit())

    assert resail.rollback()["state"] == "rolled-back"

    settle(resail.bed)
    assert set(differences(before, world(resail.bed))) <= set(stays)
    after = pods_and_owners(resail.bed)
    there = {pod["metadata"]["uid"] for pod in left}
    made = [pod for pod in after if pod["kind"] == "Pod" and pod["metadata"]["uid"] not in there]
    assert wrongly_restarted(pods, left, made, after) == []
    events = resail.bed.audit()
    again = Counter(audit.restarts(events[undoing:], "resail"))
    assert set(again.values()) <= {1}
    assert set(again) <= set(audit.restarts(events[begun:undoing], "resail")), "only what the run had restarted"
    written = audit.writes(events[begun:], "resail")
    assert unexplained(written, read_plan(resail.plan), kinds_of(resail.bed), undone=True) == []
