"""The steps of a run that goes on now."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from resail.apps.cli.drawing.parts import COLOURS
from resail.models.journal import Progress
from resail.models.record import StepRecord
from resail.report.durations import duration

__all__ = ["draw_run"]

_MARKS = {
    "pending": "·",
    "done": "✓",
    "skipped": "-",
    "failed": "✗",
    "undone": "↶",
    "undo-failed": "✗",
    "interrupted": "!",
}

_TURNING = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def draw_run(steps: Sequence[StepRecord], progress: Mapping[str, Progress]) -> RenderableType:
    """One row for each step, with a bar where it counts something."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("", "Step", "What", "Took", "Now"):
        drawn.add_column(head, overflow="fold")
    for step in steps:
        colour = COLOURS.get(step.outcome, "")
        busy = step.outcome in ("running", "undoing")
        drawn.add_row(
            Text(_turning() if busy else _MARKS.get(step.outcome, " "), style=colour),
            Text(step.id, style=colour),
            Text(step.title),
            duration(step.started, datetime.now(UTC) if busy else step.ended),
            _now(progress.get(step.id)) if busy else Text(step.detail),
        )
    return drawn


def _turning() -> str:
    # Each refresh draws a new table, so what turns must follow the clock.
    return _TURNING[int(time.monotonic() * 5) % len(_TURNING)]


def _now(progress: Progress | None) -> RenderableType:
    if progress is None:
        return ""
    if not progress.total:
        return Text(progress.message)
    bar = ProgressBar(total=progress.total, completed=progress.done, width=24)
    return Group(Text(progress.message), bar)
