"""The record as one self-contained HTML page."""

from collections.abc import Sequence
from importlib import resources

from jinja2 import Environment, StrictUndefined

from resail import __version__
from resail.models.journal import Entry
from resail.models.plan import PlanFiles, RestartWave
from resail.models.record import Record
from resail.report.durations import clock_time, duration
from resail.report.history import history_of
from resail.report.words import change_of, headline, undo_of, way_of

__all__ = ["render_html"]


def render_html(record: Record, files: PlanFiles, entries: Sequence[Entry]) -> str:
    """Draw the page; ``entries`` are the journal's of the run.

    It loads nothing from anywhere, and all that comes from a cluster is escaped.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["time"] = clock_time
    template = environment.from_string((resources.files("resail.report") / "templates/record.html.j2").read_text())
    live = any(each.outcome in ("running", "undoing") for each in record.steps)
    return template.render(
        record=record,
        plan=files.plan,
        version=__version__,
        headline=headline(record),
        way=way_of(files.plan),
        history=history_of(files.plan, entries, live=live),
        took=duration(record.started, record.updated),
        steps=[
            (each, step, change_of(step), undo_of(step), duration(each.started, each.ended))
            for each, step in zip(record.steps, files.plan.steps, strict=True)
        ],
        waves=[(each, step) for each, step in zip(record.steps, files.plan.steps, strict=True) if isinstance(step, RestartWave)],
        restarted=[each for each in record.workloads if each.restarted],
        untouched=[each for each in record.workloads if not each.restarted],
    )
