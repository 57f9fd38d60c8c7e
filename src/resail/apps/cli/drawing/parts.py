"""What all tables look like."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

__all__ = ["COLOURS", "grid", "section", "table"]

COLOURS = {
    "done": "green",
    "skipped": "dim",
    "pending": "dim",
    "running": "cyan",
    "undoing": "cyan",
    "undone": "blue",
    "nothing": "dim",
    "stuck": "red",
    "rolled-back": "blue",
    "interrupted": "yellow",
    "halted": "yellow",
    "aborted": "yellow",
    "failed": "red",
    "undo-failed": "red",
    "rollback-failed": "red",
    "blocker": "red",
    "warning": "yellow",
    "info": "cyan",
}
"""Of outcomes, states and severities."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """A table; words of ``COLOURS`` are coloured, and nothing in a cell is taken for markup."""
    drawn = Table(box=box.SIMPLE_HEAD, title=Text(title, style="bold") if title else None, title_justify="left", pad_edge=False)
    for head in heads:
        drawn.add_column(head, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    return drawn


def grid(rows: Iterable[tuple[str, str]]) -> Table:
    """Names and what they are."""
    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in rows:
        drawn.add_row(Text(name), Text(value, style=COLOURS.get(value, "")))
    return drawn


def section(title: str) -> Text:
    """A heading."""
    return Text(f"\n{title}", style="bold")
