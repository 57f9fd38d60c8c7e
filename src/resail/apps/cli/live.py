"""A run while it goes on: a live table on a terminal, plain lines elsewhere. Fed by the journal alone."""

import sys
from typing import TYPE_CHECKING

import click

from resail.apps.cli.output import console, on_terminal
from resail.apps.cli.settings import Settings
from resail.models.journal import (
    CallIntent,
    CallOutcome,
    Entry,
    Progress,
    RunFinished,
    RunHalted,
    RunResumed,
    RunStarted,
    StepApproved,
    StepIntent,
    StepOutcome,
)
from resail.models.plan import PlanFiles
from resail.operations.execution import RunWatcher, SilentWatcher
from resail.report.steps import step_records

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

__all__ = ["LiveTable", "PlainLines", "watcher_for"]


def watcher_for(settings: Settings) -> RunWatcher:
    """The one that fits who looks."""
    if settings.quiet:
        return SilentWatcher()
    if on_terminal(settings) and not settings.verbose:
        return LiveTable()
    return PlainLines(settings)


class PlainLines:
    """One line for each thing that happens, on stderr; every write too with ``-v``."""

    def __init__(self, settings: Settings) -> None:
        self._verbose = settings.verbose
        self._titles: dict[str, str] = {}

    def began(self, files: PlanFiles, entries: list[Entry]) -> None:
        self._titles = {step.id: step.title for step in files.plan.steps}
        self.saw(entries[-1:])

    def saw(self, entries: list[Entry]) -> None:
        for entry in entries:
            line = self._line(entry)
            if line:
                click.echo(f"{entry.time:%H:%M:%S} {line}", err=True)

    def ended(self) -> None: ...

    def progress(self, text: str) -> None:
        click.echo(text, err=True)

    def _line(self, entry: Entry) -> str:
        match entry.body:
            case RunStarted(plan_id=plan_id):
                return f"run {entry.run} of plan {plan_id}"
            case RunResumed(direction=direction):
                return f"run {entry.run} is taken up {'again' if direction == 'do' else 'to be undone'}"
            case StepIntent(step=step, direction=direction):
                return f"{step}: {'undoing: ' if direction == 'undo' else ''}{self._titles.get(step, '')}"
            case StepOutcome(step=step, outcome=outcome, direction=direction, detail=detail):
                word = "undone" if (direction, outcome) == ("undo", "done") else outcome
                return f"{step}: {word}{f', {detail}' if detail else ''}"
            case StepApproved(step=step):
                return f"{step}: approved"
            case Progress(step=step, message=message):
                return f"{step}: {message}"
            case RunHalted(why=why, detail=detail):
                return f"halted ({why}){f': {detail}' if detail else ''}"
            case RunFinished(state=state, detail=detail):
                return f"{state}{f': {detail}' if detail else ''}"
            case CallIntent(call=call, verb=verb, object=place) if self._verbose:
                return f"  write {call}: {verb} {place}"
            case CallOutcome(call=call, ok=ok, detail=detail) if self._verbose:
                return f"  write {call}: {'ok' if ok else 'failed'}{f', {detail}' if detail else ''}"
            case _:
                return ""


class LiveTable:
    """The steps of the plan, redrawn as the journal grows."""

    def __init__(self) -> None:
        self._files: PlanFiles | None = None
        self._entries: list[Entry] = []
        self._live: Live | None = None

    def began(self, files: PlanFiles, entries: list[Entry]) -> None:
        from rich.live import Live

        self._files = files
        self._entries = list(entries)
        self._live = Live(console=console(sys.stderr), get_renderable=self._table, refresh_per_second=5)
        self._live.start()

    def saw(self, entries: list[Entry]) -> None:
        self._entries += entries

    def ended(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def progress(self, text: str) -> None:
        click.echo(text, err=True)

    def _table(self) -> "RenderableType":
        from resail.apps.cli.drawing.run import draw_run

        if self._files is None:
            return ""
        return draw_run(step_records(self._files.plan, self._entries, live=True), self._latest())

    def _latest(self) -> dict[str, Progress]:
        return {entry.body.step: entry.body for entry in self._entries if isinstance(entry.body, Progress)}
