"""When each step was done or undone, and the workloads of its wave; where the run stopped and went on."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from xml.etree.ElementTree import Element

from resail.models.plan import Plan
from resail.report.durations import clock_time, duration
from resail.report.plots.attempts import Attempt, Mark, WorkloadSpan
from resail.report.plots.axes import TimeAxis
from resail.report.plots.svg import LEFT, RIGHT, TEXT_WIDTH, Plot, canvas, draw, rendered, shortened, write

__all__ = ["timeline"]

_TOP = 26.0
_ROW = 22.0
_BAR = 13.0
_WORKLOAD_ROW = 14.0
_WORKLOAD_BAR = 5.0
_WORKLOADS = 60  # that are drawn in all; the table of waves has every one
_IN_A_WAVE = 8
_WORTH_IT = 3
_SHORTEST = 2.0  # units of a bar that would be too thin to be seen


def timeline(
    plan: Plan, attempts: Sequence[Attempt], spans: Sequence[WorkloadSpan], marks: Sequence[Mark], axis: TimeAxis
) -> Plot:
    """``marks`` are drawn with their numbers, from 1."""
    rows = [step for step in plan.steps if any(attempt.step == step.id for attempt in attempts)]
    if not rows:
        return Plot(sentence="No step was begun.")
    shown = _chosen(spans)
    beneath = sum(len(shown[step.id]) + bool(_more(spans, shown, step.id)) for step in rows)
    bottom = _TOP + _ROW * len(rows) + _WORKLOAD_ROW * beneath + 4
    described = "; ".join(f"{attempt.step} {attempt.outcome} after {_took(attempt)}" for attempt in attempts)
    root = canvas("timeline", "Timeline of the steps", described, bottom + 24)
    axis.draw(root, _TOP, bottom)
    _marks(root, marks, axis, bottom)
    y = _TOP
    for step in rows:
        write(root, LEFT - 10, y + 15, shortened(step.title or step.id, LEFT - 20), "label end", f"{step.id}: {step.title}")
        _bars(root, [attempt for attempt in attempts if attempt.step == step.id], axis, y + (_ROW - _BAR) / 2)
        y += _ROW
        for span in shown[step.id]:
            _workload(root, span, axis, y)
            y += _WORKLOAD_ROW
        if more := _more(spans, shown, step.id):
            write(root, LEFT - 10, y + 10, f"and {more} more", "small end")
            y += _WORKLOAD_ROW
    return rendered(root)


def _chosen(spans: Sequence[WorkloadSpan]) -> dict[str, list[WorkloadSpan]]:
    """The longest of each wave, or none where there are too many waves for that."""
    waves: dict[str, list[WorkloadSpan]] = defaultdict(list)
    for span in spans:
        waves[span.step].append(span)
    room = min(_WORKLOADS // max(len(waves), 1), _IN_A_WAVE)
    chosen: dict[str, list[WorkloadSpan]] = defaultdict(list)
    for step, members in waves.items() if room >= _WORTH_IT else ():
        longest = sorted(members, key=lambda span: span.began - span.ended)[:room]
        chosen[step] = sorted(longest, key=lambda span: (span.began, span.workload))
    return chosen


def _more(spans: Sequence[WorkloadSpan], shown: dict[str, list[WorkloadSpan]], step: str) -> int:
    return sum(span.step == step for span in spans) - len(shown[step]) if shown[step] else 0


def _bars(root: Element, attempts: Sequence[Attempt], axis: TimeAxis, y: float) -> None:
    taken: list[tuple[float, float]] = []
    for attempt in attempts:
        left, right = _extent(attempt.began, attempt.ended, axis)
        told = f"{attempt.step}: {attempt.outcome} after {_took(attempt)}, from {clock_time(attempt.began)}"
        style = f"bar {attempt.direction} {attempt.outcome}"
        draw(root, "rect", style, told, x=left, y=y, width=right - left, height=_BAR, rx=2)
        taken.append((left, right))
    for attempt, (left, right) in zip(attempts, tuple(taken), strict=True):
        text = _took(attempt) if attempt.outcome == "done" else f"{attempt.outcome}, {_took(attempt)}"
        room = len(text) * TEXT_WIDTH + 5
        # Beside the bar where nothing else stands, else within it; what has no place is still in the tooltip and the table.
        for x, style, place in (
            (right + 5, "small", (right + 1, right + room)),
            (left - 5, "small end", (left - room, left - 1)),
        ):
            if place[0] >= LEFT and place[1] <= RIGHT and all(place[1] < from_ or to < place[0] for from_, to in taken):
                write(root, x, y + 10.5, text, style)
                taken.append(place)
                break
        else:
            if right - left > room and attempt.direction == "do":
                write(root, left + 5, y + 10.5, text, "small inside")


def _extent(began: datetime, ended: datetime, axis: TimeAxis) -> tuple[float, float]:
    """From where to where its bar goes, which is never too thin to be seen."""
    left = min(axis.x(began), RIGHT - _SHORTEST)
    return left, max(axis.x(ended), left + _SHORTEST)


def _workload(root: Element, span: WorkloadSpan, axis: TimeAxis, y: float) -> None:
    left, right = _extent(span.began, span.ended, axis)
    told = f"{span.workload}: {duration(span.began, span.ended)} from its first write to the last word of it"
    draw(root, "rect", "workload", told, x=left, y=y + 4, width=right - left, height=_WORKLOAD_BAR)
    write(root, LEFT - 10, y + 10, shortened(span.workload, LEFT - 20, end=True), "small end", span.workload)


def _marks(root: Element, marks: Sequence[Mark], axis: TimeAxis, bottom: float) -> None:
    """A line through all rows, and its number above; where two numbers would overlap, the later one moves on."""
    free = 0.0
    for position, mark in enumerate(marks, 1):
        x = axis.x(mark.time)
        style = "bad" if mark.what.startswith(("halted", "failed", "rollback-failed", "aborted")) else "good"
        draw(root, "line", f"mark {style}", f"{mark.what} {mark.step}", x1=x, y1=_TOP - 4, x2=x, y2=bottom)
        at = min(max(x, free), RIGHT)
        write(root, at, _TOP - 9, str(position), f"number middle {style}", f"{mark.what}, {clock_time(mark.time)}")
        free = at + len(str(position)) * TEXT_WIDTH + 5


def _took(attempt: Attempt) -> str:
    return duration(attempt.began, attempt.ended)
