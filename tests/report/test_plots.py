"""The plots: what they draw is what the journal says, and nothing that a journal may say breaks them."""

import math
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from xml.etree.ElementTree import Element, fromstring

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.report.examples import RUN, STARTED, big, counted, halted, recorded, rolled_back, smooth, timed
from tests.report.runs import CART, INSTALL, LABEL, ORDERS, START, TAG, VERIFY, WAVE, a_plan

from resail.journal.fold import fold_measurements
from resail.models.journal import (
    BudgetCounts,
    CallIntent,
    Entry,
    EntryBody,
    Measured,
    Progress,
    RunFinished,
    RunHalted,
    RunResumed,
    StepApproved,
    StepIntent,
    StepOutcome,
)
from resail.models.plan import PlanFiles
from resail.report.history import History, history_of
from resail.report.html import render_html
from resail.report.plots.axes import count_ticks, time_axis
from resail.report.plots.svg import LEFT, RIGHT, WIDTH, Plot

FILES = a_plan()
SVG = "{http://www.w3.org/2000/svg}"


def drawn(journal: Sequence[Entry], files: PlanFiles = FILES) -> History:
    return history_of(files.plan, journal, live=False)


def shapes(plot: Plot, tag: str, style: str) -> list[Element]:
    """Those that have all of the classes."""
    return [each for each in fromstring(plot.svg).iter(SVG + tag) if set(style.split()) <= set(each.get("class", "").split())]


def told(shape: Element) -> str:
    return shape.findtext(SVG + "title", "")


def bars(plot: Plot) -> dict[str, float]:
    """Width by step and outcome."""
    return {told(bar).partition(" after")[0]: float(bar.get("width", "")) for bar in shapes(plot, "rect", "bar")}


def test_bars_are_as_long_as_the_steps_took() -> None:
    found = bars(drawn(smooth()).timeline)
    assert list(found) == [f"{step}: done" for step in (INSTALL, TAG, LABEL, WAVE, VERIFY)]
    scale = (RIGHT - LEFT) / 12.1
    for step, seconds in ((INSTALL, 3.8), (TAG, 0.3), (LABEL, 0.1), (WAVE, 5.9), (VERIFY, 1.2)):
        assert found[f"{step}: done"] == pytest.approx(seconds * scale, abs=0.02)


def test_a_pause_of_hours_leaves_the_bars_their_room() -> None:
    found = bars(drawn(rolled_back()).timeline)
    assert found[f"{WAVE}: failed"] > 400
    assert found[f"{WAVE}: failed"] / found[f"{INSTALL}: done"] == pytest.approx(600 / 3.8, rel=0.01)
    assert {f"{step}: undone" for step in (INSTALL, TAG, LABEL, WAVE)} < set(found)
    pause = shapes(drawn(rolled_back()).timeline, "rect", "pause")
    assert [told(each) for each in pause] == ["paused for 10 h 56 min"]


def test_each_attempt_has_its_bar_and_each_stop_its_number() -> None:
    history = drawn(halted())
    assert f"{WAVE}: interrupted" in bars(history.timeline)
    assert f"{WAVE}: failed" in bars(history.timeline)
    assert [mark.what for mark in history.marks] == ["halted (interrupted)", "approved", "resumed", "halted (gate)"]
    assert [number.findtext(".") or (number[0].tail) for number in shapes(history.timeline, "text", "number")] == list("1234")


def test_a_step_that_was_killed_ends_with_its_last_word() -> None:
    journal = timed(
        (0, STARTED), (1, StepIntent(TAG, "do")), (3, CallIntent(1, TAG, "apply", "x")), (500, StepApproved(VERIFY)),
        (500, RunResumed("do")), (501, StepIntent(TAG, "do")), (502, StepOutcome(TAG, "do", "done")),
    )  # fmt: skip
    found = bars(drawn(journal).timeline)
    assert found[f"{TAG}: interrupted"] == pytest.approx(2 * found[f"{TAG}: done"], abs=0.05)


def test_workloads_of_a_wave_are_drawn_and_of_too_many_waves_are_not() -> None:
    timeline = drawn(smooth()).timeline
    names = [told(each).partition(":")[0] for each in shapes(timeline, "rect", "workload")]
    assert names == [str(CART), str(ORDERS)]
    files, journal = big()
    assert shapes(drawn(journal, files).timeline, "rect", "workload") == []
    assert len(shapes(drawn(journal, files).timeline, "rect", "bar")) == 61


@pytest.mark.parametrize("journal", [smooth(), rolled_back(), halted(), big()[1]], ids=["smooth", "rolled-back", "halted", "big"])
def test_the_adoption_curve_is_what_was_measured(journal: Sequence[Entry]) -> None:
    plot = drawn(journal).adoption
    axis = time_axis(journal)
    ticks = [each for each in shapes(plot, "text", "tick end") if each.text]
    base, top = float(ticks[0].get("y", "")) - 4, float(ticks[-1].get("y", "")) - 4
    highest = int(ticks[-1].text or "")
    measured = fold_measurements(journal)
    for style, version in (("new", "1.27.9"), ("old", "1.26.0")):
        points = [
            (float(each.get("cx", "")), (base - float(each.get("cy", ""))) / (base - top) * highest)
            for each in shapes(plot, "circle", f"dot {style}")
        ]
        expected = [(axis.x(each.time), each.pods[version]) for each in measured]
        assert [x for x, _ in points] == pytest.approx([x for x, _ in expected], abs=0.01)
        assert [count for _, count in points] == pytest.approx([count for _, count in expected], abs=highest / 1000)
        corners = [float(number) for number in re.findall(r"V([\d.]+)", shapes(plot, "path", f"curve {style}")[0].get("d", ""))]
        assert corners == pytest.approx([float(each.get("cy", "")) for each in shapes(plot, "circle", f"dot {style}")][1:])


def test_pods_of_a_third_version_are_not_lost() -> None:
    third = Measured({"1.26.0": 2, "1.25.0": 1, "": 1}, {})
    journal = timed((0, STARTED), (1, third), (2, counted(4, 0)))
    assert [told(each).split(": ")[1] for each in shapes(drawn(journal).adoption, "circle", "dot other")] == [
        "2 with other versions",
        "0 with other versions",
    ]


def test_the_three_budgets_that_fell_lowest_are_drawn_beside_their_own_line() -> None:
    first = {f"shop/{name}": BudgetCounts(4, 2, 4) for name in ("a", "b", "c", "d")} | {"shop/idle": BudgetCounts(0, 0, 0)}
    low = {"shop/b": BudgetCounts(1, 2, 4), "shop/d": BudgetCounts(2, 2, 4), "shop/a": BudgetCounts(3, 2, 4)}
    journal = timed((0, STARTED), (1, Measured({}, dict(first))), (2, Measured({}, dict(low))), (3, RunFinished("done")))
    plot = drawn(journal).budgets
    curves = [told(each) for each in shapes(plot, "path", "curve")]
    assert curves == [f"shop/{name}: {line}" for name in "bda" for line in ("ready", "asked for")]
    assert [told(each).split(": ")[1] for each in shapes(plot, "circle", "below")] == ["1 of 4 ready, 2 asked for"]
    levels = [float(each.get("y1", "")) for each in shapes(plot, "line", "grid") if each.get("y1") == each.get("y2")]
    ready = shapes(plot, "path", "curve new")[0].get("d", "")
    assert float(re.findall(r"V([\d.]+)", ready)[0]) == pytest.approx(levels[0] + (levels[1] - levels[0]) / 4)


def test_what_cannot_be_drawn_is_said() -> None:
    nothing = drawn(timed((0, STARTED)))
    assert nothing.timeline.sentence == "No step was begun."
    assert nothing.adoption.sentence == "The pods were not counted."
    assert nothing.budgets.sentence == "The budgets were not looked at."
    once = drawn(timed((0, STARTED), (1, counted(0, 5, cart=(2, 1, 2)))))
    assert "0 with 1.27.9, 5 with 1.26.0" in once.adoption.sentence
    assert "shop/cart: 2 of 2 ready, 1 asked for" in once.budgets.sentence
    assert "No PodDisruptionBudget" in drawn(timed((0, STARTED), (1, counted(0, 5)))).budgets.sentence


def test_hostile_names_are_text() -> None:
    evil = '"><script>alert(1)</script>\x1b&'
    plan = msgspec.structs.replace(
        FILES.plan, steps=tuple(msgspec.structs.replace(step, title=evil) for step in FILES.plan.steps)
    )
    files = msgspec.structs.replace(FILES, plan=plan)
    low = {f"{evil}/{evil}": BudgetCounts(1, 2, 3)}
    journal = timed(
        (0, STARTED),
        (1, Measured({evil: 3}, dict(low))),
        (2, StepIntent(WAVE, "do")),
        (3, Measured({evil: 4}, {})),
        (4, StepOutcome(WAVE, "do", "failed", evil)),
        (5, RunHalted("gate", WAVE, evil)),
    )
    page = render_html(recorded(files, journal), files, journal)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    history = drawn(journal, files)
    for plot in (history.timeline, history.adoption, history.budgets):
        fromstring(plot.svg)


def test_a_picture_is_told_to_who_does_not_see_it() -> None:
    history = drawn(smooth())
    for plot in (history.timeline, history.adoption, history.budgets):
        root = fromstring(plot.svg)
        named = {each.get("id") for each in root if each.text}
        assert root.get("role") == "img"
        assert set(root.get("aria-labelledby", "").split()) <= named
    assert "5 with 1.27.9" in history.adoption.svg


STEPS = st.sampled_from([INSTALL, TAG, LABEL, WAVE, VERIFY, "of-another-plan"])
DIRECTIONS = st.sampled_from(["do", "undo"])
NUMBERS = st.integers(0, 2**40)
BODIES: st.SearchStrategy[EntryBody] = st.one_of(
    st.builds(StepIntent, STEPS, DIRECTIONS),
    st.builds(StepOutcome, STEPS, DIRECTIONS, st.sampled_from(["done", "failed", "skipped"]), st.text(max_size=9)),
    st.builds(CallIntent, st.integers(1, 99), STEPS, st.just("patch"), st.sampled_from([str(CART), str(ORDERS)])),
    st.builds(Progress, STEPS, st.sampled_from([f"{CART}: 1 of 2 ready", "x"])),
    st.builds(
        Measured,
        st.dictionaries(st.text(max_size=9) | st.just("1.27.9"), NUMBERS, max_size=3),
        st.dictionaries(st.text(max_size=40), st.none() | st.builds(BudgetCounts, NUMBERS, NUMBERS, NUMBERS), max_size=4),
    ),
    st.builds(StepApproved, STEPS),
    st.builds(RunHalted, st.sampled_from(["gate", "paused"]), STEPS, st.text(max_size=9)),
    st.builds(RunResumed, DIRECTIONS),
    st.builds(RunFinished, st.sampled_from(["done", "rolled-back", "aborted"]), st.text(max_size=9)),
)
# Mostly forwards; a clock that is set back is a rare thing that happens.
STEPS_IN_TIME = st.one_of(st.floats(0, 3), st.floats(0, 10**7), st.floats(-100, 0))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(STEPS_IN_TIME, BODIES), max_size=40))
def test_any_journal_is_drawn_within_its_frame(told_at: list[tuple[float, EntryBody]]) -> None:
    time = START
    journal = [Entry(1, RUN, time, STARTED)]
    for number, (seconds, body) in enumerate(told_at, 2):
        time += timedelta(seconds=seconds)
        journal.append(Entry(number, RUN, time, body))
    history = drawn(journal)
    for plot in (history.timeline, history.adoption, history.budgets):
        assert bool(plot.svg) != bool(plot.sentence)
        if plot.svg:
            root = fromstring(plot.svg)
            height = float(root.get("viewBox", "").split()[3])
            for x, y in _points(root):
                assert math.isfinite(x) and math.isfinite(y)
                assert -0.01 <= x <= WIDTH + 0.01
                assert -0.01 <= y <= height + 0.01


def _points(root: Element) -> Iterator[tuple[float, float]]:
    """Every corner of every shape, and where each text is put."""

    def of(shape: Element, *names: str) -> list[float]:
        return [float(shape.get(name, "0")) for name in names]

    for shape in root.iter():
        match shape.tag.removeprefix(SVG):
            case "rect":
                x, y, width, height = of(shape, "x", "y", "width", "height")
                assert width >= 0 and height >= 0
                yield from ((x, y), (x + width, y + height))
            case "line":
                x1, y1, x2, y2 = of(shape, "x1", "y1", "x2", "y2")
                yield from ((x1, y1), (x2, y2))
            case "circle":
                x, y = of(shape, "cx", "cy")
                yield x, y
            case "text":
                x, y = of(shape, "x", "y")
                yield x, y
            case "path":
                path = shape.get("d", "")
                yield from ((float(x), float(y)) for x, y in re.findall(r"M(\S+) (\S+)", path))
                yield from ((float(x), 0.0) for x in re.findall(r"H(\S+)", path))
                yield from ((LEFT, float(y)) for y in re.findall(r"V(\S+)", path))


@given(st.lists(st.tuples(st.floats(0, 10**5), BODIES), min_size=1, max_size=30))
def test_later_is_never_further_left(told_at: list[tuple[float, EntryBody]]) -> None:
    time = START
    journal = [Entry(1, RUN, time, STARTED)]
    for number, (seconds, body) in enumerate(told_at, 2):
        time += timedelta(seconds=seconds)
        journal.append(Entry(number, RUN, time, body))
    axis = time_axis(journal)
    drawn_at = [axis.x(entry.time) for entry in journal]
    assert drawn_at == sorted(drawn_at)
    assert drawn_at[0] == LEFT


@given(st.integers(0, 10**9))
def test_ticks_of_a_count_reach_it_in_few_steps(highest: int) -> None:
    ticks = count_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-1] >= highest
    assert 2 <= len(ticks) <= 6
    assert ticks[-2] < max(highest, 1)
