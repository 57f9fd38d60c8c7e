"""SIGKILL anywhere: what is resumed ends as what was never interrupted."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from resail.journal.sqlite import open_journal
from resail.models.journal import CallIntent
from resail.plan.file import read_plan
from resail.testbed import audit
from tests.acceptance.conftest import Resail, Unbroken, restore
from tests.acceptance.exemptions import ANOTHER_RUN
from tests.acceptance.judge import restarted_twice, unexplained
from tests.acceptance.world import World, differences, kinds_of, world

pytestmark = pytest.mark.bed

KILLER = """
import asyncio, os, signal, sys
from pathlib import Path
from resail.operations.apply import ApplyRequest, apply

def die(call, phase, verb, target):
    wanted = sys.argv[4]
    if wanted == "during" and not verb.startswith(("helm ", "istioctl ")):
        wanted = "after"
    if (call, phase) == (int(sys.argv[3]), wanted):
        os.kill(os.getpid(), signal.SIGKILL)

request = ApplyRequest(plan=Path(sys.argv[1]), directory=Path(sys.argv[2]))
asyncio.run(apply(request, call_observer=die))
"""
"""The arguments: plan, state directory, the call and the moment to die at; what is no installer's action has no ``during``."""

# Of the canary's writes (helm upgrade base, install istiod, upgrade cni, 2 labels, move the validator, gateway, restarts) with
# the moment: `after` is between the effect and its outcome, `during` inside Helm.
CALLS = 10
MOMENTS = [
    (1, "before"),
    (1, "during"),
    (1, "after"),
    (2, "during"),
    (2, "after"),
    (4, "after"),
    (6, "during"),
    (7, "after"),
    (8, "after"),
    (10, "after"),
]
SEED = int(os.environ.get("RESAIL_SEED") or random.randrange(2**32))


@pytest.fixture(scope="module")
def end(unbroken: Unbroken) -> World:
    """The end state of a run that nobody interrupted."""
    record = unbroken.record
    entries = open_journal(Path(record["journal"])).entries(record["run"])
    calls = [entry.body for entry in entries if isinstance(entry.body, CallIntent)]
    assert len(calls) == CALLS
    helm = {call.call for call in calls if call.verb.startswith("helm")}
    assert {call for call, phase in MOMENTS if phase == "during"} <= helm
    return unbroken.end


@pytest.mark.parametrize(
    ("seed", "call", "phase"), [(SEED, call, phase) for call, phase in random.Random(SEED).sample(MOMENTS, 2)]
)
def test_killed_and_resumed(resail: Resail, end: World, seed: int, call: int, phase: str) -> None:
    walk(resail, end, call, phase)


@pytest.mark.soak
def test_killed_at_every_call(resail: Resail, end: World, tmp_path: Path) -> None:
    """All of them, in an order that the seed tells."""
    moments = [*MOMENTS, *((call, phase) for call in range(1, CALLS + 1) for phase in ("before", "after"))]
    random.Random(7).shuffle(moments)
    for number, (call, phase) in enumerate(moments):
        restore(resail.bed)
        place = tmp_path / str(number)
        place.mkdir()
        walk(Resail(resail.bed, place), end, call, phase)


def walk(resail: Resail, end: World, call: int, phase: str) -> None:
    begun = len(resail.bed.audit())
    resail.make_plan("--max-parallel", "3")
    arguments = (resail.plan, resail.state, str(call), phase)
    command = resail.command()
    command[2:] = [KILLER, *map(str, arguments)]
    killed = subprocess.run(command, capture_output=True, text=True, env=resail.environment)
    assert killed.returncode == -9, killed.stderr[-2000:]

    assert resail.resume()["state"] == "done"

    assert differences(end, world(resail.bed), also_exempt=ANOTHER_RUN) == []
    events = resail.bed.audit()[begun:]
    written = audit.writes(events, "resail")
    files = read_plan(resail.plan)
    assert restarted_twice(written, files) == []
    # By the new templates that the controllers saw: of a write whose client died the log may not know how it ended.
    rolled = [name.rpartition("-")[0] for name in audit.rollouts(events) if name.startswith("bookshop/")]
    assert sorted(rolled) == ["bookshop/details", "bookshop/ratings", "bookshop/reviews"]
    assert unexplained(written, files, kinds_of(resail.bed)) == []
