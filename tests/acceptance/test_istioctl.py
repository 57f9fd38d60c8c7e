"""A mesh that istioctl installed is upgraded by istioctl, stage by stage, and put back by it."""

import random
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resail.journal.sqlite import open_journal
from resail.models.journal import CallIntent
from resail.plan.file import read_plan
from resail.testbed import audit
from resail.testbed.budgets import BudgetWatcher
from tests.acceptance.conftest import OPERATOR, IstioctlMeshes, Resail
from tests.acceptance.exemptions import ANOTHER_RUN, BASE_STAYS
from tests.acceptance.faulty_proxy import hostile_api
from tests.acceptance.judge import restarted_twice, unexplained
from tests.acceptance.test_hostile_api import SEED as HOSTILE_SEED
from tests.acceptance.test_hostile_api import Hostile, figures, tell
from tests.acceptance.test_kill import KILLER
from tests.acceptance.world import World, differences, kinds_of, world

pytestmark = pytest.mark.bed

MOVED = ["bookshop/reviews", "bookshop/details", "storefront/web"]
GATEWAY, CNI, ISTIOD = "istio-system/istio-ingressgateway", "istio-system/istio-cni-node", "istio-system/istiod"
SEED = 20261125
MOMENTS = [(call, phase) for call in (1, 2, 3) for phase in ("during", "after")]
"""Of the three installs: within istioctl, and when it has ended but that is not journalled."""


@pytest.fixture
def on(istioctl_meshes: IstioctlMeshes, tmp_path: Path) -> Resail:
    """``resail`` against the mesh that istioctl 1.25.1 installed."""
    istioctl_meshes.restore("1.25.1")
    return Resail(istioctl_meshes.bed, tmp_path)


def rollouts(resail: Resail, begun: int) -> Counter[str]:
    """By the new templates that the controllers saw: how often each workload's pods were replaced."""
    return Counter(name.rpartition("-")[0] for name in audit.rollouts(resail.bed.audit()[begun:]))


def unexplained_writes(resail: Resail, begun: int, *, undone: bool = False) -> list[str]:
    written = audit.writes(resail.bed.audit()[begun:], "resail")
    return unexplained(written, read_plan(resail.plan), kinds_of(resail.bed), undone=undone)


@pytest.mark.soak
def test_in_place_over_three_minors_in_one_plan(istioctl_meshes: IstioctlMeshes, tmp_path: Path) -> None:
    istioctl_meshes.restore("1.24.0")
    resail = Resail(istioctl_meshes.bed, tmp_path)
    begun = len(resail.bed.audit())
    resail.make_plan(*("--strategy", "in-place", "--via", "1.25.1", "--via", "1.26.0", "-f", str(OPERATOR)), to="1.27.9")
    assert audit.writes(resail.bed.audit()[begun:], "resail") == [], "planning writes nothing"
    stops = [(str(hop.from_version), str(hop.to_version)) for hop in read_plan(resail.plan).plan.hops]
    assert stops == [("1.24.0", "1.25.1"), ("1.25.1", "1.26.0"), ("1.26.0", "1.27.9")]

    with BudgetWatcher(resail.bed) as budgets:
        record = resail.apply()
    assert (record["state"], record["to"], record["pods_on_target"]) == ("done", "1.27.9", 7)
    assert resail("verify", "-o", "json").json["verdict"] == "ready"
    assert budgets.violations == []
    assert unexplained_writes(resail, begun) == [], "nothing is pruned, either"
    seen = rollouts(resail, begun)
    assert {name: seen[name] for name in (*MOVED, GATEWAY, ISTIOD)} == dict.fromkeys((*MOVED, GATEWAY, ISTIOD), 3)


class Story(msgspec.Struct, frozen=True):
    """What came of an upgrade in place that nobody interrupted, and of its rollback."""

    before: World
    record: Any
    verdict: str
    end: World
    back: World
    calls: list[str]
    """Verbs of its writes."""
    broken: list[Any]
    """Budgets."""
    unexplained: list[str]


@pytest.fixture(scope="module")
def in_place(istioctl_meshes: IstioctlMeshes, tmp_path_factory: pytest.TempPathFactory) -> Story:
    istioctl_meshes.restore("1.25.1")
    resail = Resail(istioctl_meshes.bed, tmp_path_factory.mktemp("in-place"))
    before, begun = world(resail.bed), len(resail.bed.audit())
    resail.make_plan("--strategy", "in-place", "-f", str(OPERATOR))
    with BudgetWatcher(resail.bed) as budgets:
        record = resail.apply()
        verdict, end = resail("verify", "-o", "json").json["verdict"], world(resail.bed)
        entries = open_journal(Path(record["journal"])).entries(record["run"])
        calls = [one.body.verb for one in entries if isinstance(one.body, CallIntent)]
        assert resail.rollback_as_foreseen()["state"] == "rolled-back"
    wrote = unexplained_writes(resail, begun, undone=True)
    return Story(before, record, verdict, end, world(resail.bed), calls, list(budgets.violations), wrote)


def test_in_place_and_back(in_place: Story) -> None:
    assert (in_place.record["state"], in_place.record["pods_on_target"], in_place.verdict) == ("done", 7, "ready")
    assert differences(in_place.before, in_place.end) != []
    assert differences(in_place.before, in_place.back) == []
    assert in_place.broken == []
    assert in_place.unexplained == []


def test_by_revision_with_tags_and_back(on: Resail) -> None:
    before, begun = world(on.bed), len(on.bed.audit())
    on.make_plan("--strategy", "canary", "-f", str(OPERATOR))
    with BudgetWatcher(on.bed) as budgets:
        record = on.apply()
        assert (record["state"], record["pods_on_target"]) == ("done", 7)
        assert on("verify", "-o", "json").json["verdict"] == "ready"
        tags = {tag["tag"]: tag["revision"] for tag in on("inspect", "-o", "json").json["tags"]}
        assert tags == {"default": "1-26-0", "prod-stable": "1-26-0"}
        assert on.rollback_as_foreseen()["state"] == "rolled-back"
    assert set(differences(before, world(on.bed))) == BASE_STAYS
    assert budgets.violations == []
    assert unexplained_writes(on, begun, undone=True) == []


def test_another_configuration_than_the_installed_one_is_refused(on: Resail, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(OPERATOR.read_text().replace("cpu: 200m", "cpu: 300m"))
    begun = len(on.bed.audit())
    refused = on("plan", "--to", "1.26.0", "--strategy", "in-place", "-f", other, "--out", on.plan, code=3)
    assert "istioctl-configuration-unknown" in refused.errors
    assert "resources.requests.cpu" in refused.errors
    assert audit.writes(on.bed.audit()[begun:], "resail") == []


@pytest.mark.parametrize(("call", "phase"), random.Random(SEED).sample(MOMENTS, 1))
def test_killed_within_istioctl_and_resumed(on: Resail, in_place: Story, call: int, phase: str) -> None:
    assert in_place.calls[:3] == ["istioctl install"] * 3
    walk(on, in_place.end, call, phase)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(20))
def test_killed_at_twenty_moments(on: Resail, in_place: Story, number: int) -> None:
    drawn = random.Random(SEED + number)
    walk(on, in_place.end, drawn.randint(1, len(in_place.calls)), drawn.choice(["before", "during", "after"]))


@pytest.mark.soak
def test_through_an_api_that_fails_a_tenth_of_the_calls(
    on: Resail, in_place: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(capsys, f"RESAIL_SEED={HOSTILE_SEED}")
    (tmp_path / "hostile").mkdir()
    resail = Hostile(on.bed, tmp_path / "hostile")
    begun = len(on.bed.audit())
    with hostile_api(on.bed, HOSTILE_SEED, resail.kubeconfig) as proxy:
        resail.make_plan("--strategy", "in-place", "-f", str(OPERATOR))
        assert resail.apply()["state"] == "done"
    tell(capsys, figures(proxy))
    assert {met.agent for met in proxy.calls if met.fault} > {"resail"}, "istioctl met it too"
    assert differences(in_place.end, world(on.bed), also_exempt=ANOTHER_RUN) == []
    seen = rollouts(resail, begun)
    assert {name: seen[name] for name in (*MOVED, GATEWAY, CNI, ISTIOD)} == dict.fromkeys((*MOVED, GATEWAY, CNI, ISTIOD), 1)


def walk(resail: Resail, end: World, call: int, phase: str) -> None:
    begun = len(resail.bed.audit())
    resail.make_plan("--strategy", "in-place", "-f", str(OPERATOR))
    command = resail.command()
    command[2:] = [KILLER, *map(str, (resail.plan, resail.state, call, phase))]
    killed = subprocess.run(command, capture_output=True, text=True, env=resail.environment)
    assert killed.returncode == -9, killed.stderr[-2000:]
    assert resail.resume()["state"] == "done"
    assert differences(end, world(resail.bed), also_exempt=ANOTHER_RUN) == []
    assert restarted_twice(audit.writes(resail.bed.audit()[begun:], "resail"), read_plan(resail.plan)) == []
    seen = rollouts(resail, begun)
    assert {name: seen[name] for name in (*MOVED, GATEWAY, CNI, ISTIOD)} == dict.fromkeys((*MOVED, GATEWAY, CNI, ISTIOD), 1)
