"""The order of undoing."""

from typing import Any

import msgspec

from resail.models.identity import IstioVersion
from resail.models.plan import (
    Approve,
    HelmChange,
    Hop,
    NoUndo,
    Plan,
    RestartAgain,
    RestartWave,
    RollbackRelease,
    Step,
    UpgradeControlPlane,
    UpgradeCRDs,
)
from resail.plan.rollback import before_restart, undo_sequence
from tests.plan.test_file import a_plan


def test_pointers_go_back_before_what_restarts_and_steps_not_begun_are_left() -> None:
    plan = a_plan().plan
    waves = tuple(
        RestartWave(id=f"0{number}-restart-wave", title="", reason="", undo=RestartAgain(), wave=number, restarts=())
        for number in (3, 4)
    )
    approve = Approve(id="05-approve", title="", reason="", undo=NoUndo("nothing"), question="?")
    longer = msgspec.structs.replace(plan, steps=(*plan.steps, *waves, approve))
    order = [step.id for step in undo_sequence(longer, {step.id for step in longer.steps} - {"04-restart-wave"})]
    assert order == ["01-label-namespace", "03-restart-wave"]
    assert [step.id for step in undo_sequence(longer, {step.id for step in longer.steps})][1:] == [
        "04-restart-wave",
        "03-restart-wave",
    ]


def in_place(*restarts: bool) -> Plan:
    """A hop for each, by one patch."""
    hops = [
        Hop(IstioVersion(1, 26, number), IstioVersion(1, 26, number + 1), "default", "default", moves, "")
        for number, moves in enumerate(restarts)
    ]
    steps: list[Step] = []
    for number, moves in enumerate(restarts):
        common: dict[str, Any] = {"title": "", "reason": "", "hop": number}
        release = {**common, "undo": RollbackRelease("istio-system/istiod", number + 1)}
        change = HelmChange("istiod", "istio-system", "istiod", "upgrade", "", "", {}, "", ())
        steps.append(UpgradeCRDs(id=f"crds-{number}", change=change, **release))
        steps.append(UpgradeControlPlane(id=f"istiod-{number}", change=change, revision="default", **release))
        if moves:
            steps.append(RestartWave(id=f"wave-{number}", undo=RestartAgain(), wave=1, restarts=(), **common))
    return msgspec.structs.replace(a_plan().plan, strategy="in-place", hops=tuple(hops), steps=tuple(steps))


def undone(plan: Plan, *not_begun: str) -> list[str]:
    return [step.id for step in undo_sequence(plan, {step.id for step in plan.steps} - set(not_begun))]


def test_hops_are_undone_last_first() -> None:
    assert undone(in_place(True, True)) == ["istiod-1", "wave-1", "crds-1", "istiod-0", "wave-0", "crds-0"]
    assert undone(in_place(True, True), "istiod-1", "wave-1") == ["crds-1", "istiod-0", "wave-0", "crds-0"]


def test_what_restarts_back_finds_the_control_plane_that_it_had() -> None:
    plan = in_place(True, False, False, True)
    assert undone(plan) == [
        *("istiod-3", "istiod-2", "istiod-1", "wave-3", "crds-3", "crds-2", "crds-1"),
        "istiod-0",
        "wave-0",
        "crds-0",
    ]
    first, last = (step for step in plan.steps if isinstance(step, RestartWave))
    assert str(before_restart(plan, first).from_version) == "1.26.0"
    assert str(before_restart(plan, last).from_version) == "1.26.1"
