"""What a journal tells of the course of a run, drawn."""

from collections.abc import Sequence

import msgspec

from resail.journal.fold import fold_measurements
from resail.models.journal import Entry
from resail.models.plan import Plan
from resail.report.plots.adoption import adoption
from resail.report.plots.attempts import Mark, attempts_of, marks_of, workload_spans
from resail.report.plots.axes import time_axis
from resail.report.plots.budgets import budgets
from resail.report.plots.svg import Plot
from resail.report.plots.timeline import timeline

__all__ = ["History", "history_of"]


class History(msgspec.Struct, frozen=True):
    """The plots, on one time axis."""

    timeline: Plot
    marks: tuple[Mark, ...]
    """Those that the timeline numbers, from 1."""
    adoption: Plot
    budgets: Plot


def history_of(plan: Plan, entries: Sequence[Entry], *, live: bool) -> History:
    """Draw a run; ``live``: a process works on it now. There is at least one entry."""
    axis = time_axis(entries)
    measurements = fold_measurements(entries)
    marks = marks_of(entries)
    return History(
        timeline=timeline(plan, attempts_of(entries, live=live), workload_spans(plan, entries), marks, axis),
        marks=marks,
        adoption=adoption(measurements, str(plan.from_version), str(plan.to_version), axis),
        budgets=budgets(measurements, axis),
    )
