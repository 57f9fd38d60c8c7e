"""The order of undoing."""

import msgspec

from resail.models.plan import Approve, NoUndo, RestartAgain, RestartWave
from resail.plan.rollback import undo_sequence
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
