"""What is wrong, the most probable cause first."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from resail.apps.cli.drawing.parts import grid, table
from resail.models.diagnosis import Diagnosis, Examination

__all__ = ["draw_examination"]

_COLOURS = {"certain": "bold red", "likely": "bold yellow", "possible": "bold cyan"}


def draw_examination(examination: Examination) -> RenderableType:
    """The verdict, each cause with what shows it, and what could not be looked at."""
    return Group(*_parts(examination))


def _parts(examination: Examination) -> Iterator[RenderableType]:
    if examination.verdict == "healthy":
        yield Text("Nothing is wrong with the mesh that resail knows of.", style="bold green")
    for number, one in enumerate(examination.diagnoses, start=1):
        heading = Text(f"{number}. ")
        heading.append(f"{one.certainty}: ", style=_COLOURS[one.certainty])
        heading.append(f"{one.cause} [{one.id}]")
        yield heading
        yield Padding(grid(_rows(one)), (0, 0, 1, 3))
    if examination.not_examined:
        rows = [(one.id, one.reason) for one in examination.not_examined]
        yield table(("What", "Why"), rows, title=f"Not examined ({len(rows)})")


def _rows(one: Diagnosis) -> Iterator[tuple[str, str]]:
    yield "where", "\n".join(map(str, one.objects))
    yield "evidence", "\n".join(one.evidence)
    if one.effects:
        yield "leads to", "\n".join(one.effects)
    yield "undo", "\n".join(f"{number}. {step}" for number, step in enumerate(one.undo, start=1))
    if one.hazard:
        yield "hazard", f"{one.hazard}: `resail explain {one.hazard}` tells more"
    if one.source:
        yield "source", one.source
