"""``resail report``: the record of a run, from what was written at its end or from its journal."""

import contextlib
from typing import Literal

import msgspec

from resail.errors import ArtifactError
from resail.models.encoding import decode_json
from resail.models.journal import Entry
from resail.models.plan import PlanFiles
from resail.models.record import Record
from resail.operations.onlooker import looking_on
from resail.operations.outcome import read_record
from resail.operations.runs import RunChoice, StateDirectory
from resail.report.html import render_html
from resail.report.markdown import render_markdown

__all__ = ["RunReport", "render", "report"]


class RunReport(msgspec.Struct, frozen=True):
    """All that a run is told by."""

    record: Record
    files: PlanFiles
    entries: tuple[Entry, ...]
    """Of the journal, for the plots."""


async def report(choice: RunChoice) -> RunReport:
    """The record of a run, its plan and its journal.

    What only the cluster could tell (``pods_on_target``) is what was measured when the run last stopped; None where it
    has gone on since.

    Raises:
        UsageError: nothing was run, or there is no such run.
        ArtifactError: the run's own copy of the plan is gone or damaged.
    """
    async with looking_on(choice, lambda _: None) as onlooker:
        state, journal, run = onlooker.state, onlooker.journal, onlooker.run
        files = onlooker.plan
        entries = tuple(journal.entries(run.id))
        kept = _kept(state, run.id)
        if kept is not None and kept.updated == run.updated and kept.state == run.state:
            return RunReport(kept, files, entries)
        return RunReport(read_record(state, journal, run.id, files, None, live=run.state == "running"), files, entries)


def render(told: RunReport, form: Literal["md", "html"]) -> str:
    """The record as a text for people."""
    if form == "html":
        return render_html(told.record, told.files, told.entries)
    return render_markdown(told.record, told.files)


def _kept(state: StateDirectory, run: str) -> Record | None:
    path = state.report(run, "json")
    with contextlib.suppress(OSError, ArtifactError):
        return decode_json(path.read_bytes(), Record, on=str(path))
    return None
