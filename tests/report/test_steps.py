"""How steps stand, from the journal."""

from hypothesis import given
from hypothesis import strategies as st
from tests.report.runs import CART, INSTALL, LABEL, ORDERS, TAG, VERIFY, WAVE, a_plan, entries

from resail.models.journal import CallIntent, CallOutcome, EntryBody, StepIntent, StepOutcome
from resail.report.steps import step_records

PLAN = a_plan().plan
STEPS = (INSTALL, TAG, LABEL, WAVE, VERIFY)


def outcomes(*bodies: EntryBody, live: bool = False) -> dict[str, str]:
    return {record.id: record.outcome for record in step_records(PLAN, entries(*bodies), live=live)}


def test_steps_that_were_not_begun_are_pending() -> None:
    assert outcomes() == dict.fromkeys(STEPS, "pending")


def test_a_step_without_outcome_runs_only_while_someone_works_on_it() -> None:
    begun = StepIntent(INSTALL, "do")
    assert outcomes(begun, live=True)[INSTALL] == "running"
    assert outcomes(begun)[INSTALL] == "interrupted"


def test_do_and_undo_are_told_apart() -> None:
    done = (StepIntent(INSTALL, "do"), StepOutcome(INSTALL, "do", "done"))
    assert outcomes(*done)[INSTALL] == "done"
    assert outcomes(*done, StepIntent(INSTALL, "undo"), live=True)[INSTALL] == "undoing"
    assert outcomes(*done, StepIntent(INSTALL, "undo"), StepOutcome(INSTALL, "undo", "done"))[INSTALL] == "undone"
    assert outcomes(*done, StepOutcome(INSTALL, "undo", "failed", "no"))[INSTALL] == "undo-failed"
    assert outcomes(*done, StepOutcome(INSTALL, "undo", "skipped", "nothing to undo"))[INSTALL] == "done"


def test_times_are_of_the_first_intent_and_the_last_outcome() -> None:
    journal = entries(
        StepIntent(TAG, "do"), StepOutcome(TAG, "do", "failed", "x"), StepIntent(TAG, "do"), StepOutcome(TAG, "do", "done")
    )
    record = next(each for each in step_records(PLAN, journal, live=False) if each.id == TAG)
    assert (record.started, record.ended, record.detail) == (journal[0].time, journal[3].time, "")


def test_times_of_an_undone_step_are_those_of_its_undoing() -> None:
    done = (StepIntent(TAG, "do"), StepOutcome(TAG, "do", "done"))
    journal = entries(*done, StepIntent(TAG, "undo"), StepIntent(TAG, "undo"), StepOutcome(TAG, "undo", "done"))
    record = next(each for each in step_records(PLAN, journal, live=False) if each.id == TAG)
    assert (record.started, record.ended) == (journal[2].time, journal[4].time)


def test_a_wave_that_was_cut_off_names_the_rollouts_that_it_did_set_off() -> None:
    journal = entries(
        StepIntent(WAVE, "do"),
        CallIntent(1, WAVE, "patch", str(CART)),
        CallOutcome(1, True),
        CallIntent(2, WAVE, "patch", str(ORDERS)),
    )
    record = next(each for each in step_records(PLAN, journal, live=False) if each.id == WAVE)
    assert record.restarted == (str(CART),)


@given(st.permutations(STEPS))
def test_the_order_is_the_plans_whatever_the_journals(order: list[str]) -> None:
    journal = entries(*(StepOutcome(step, "do", "done") for step in order))
    assert tuple(record.id for record in step_records(PLAN, journal, live=False)) == STEPS
