"""An examination as Markdown, for a ticket."""

from collections.abc import Iterator

from resail.models.diagnosis import Diagnosis, Examination
from resail.report.markdown_text import escaped, markdown_table

__all__ = ["render_examination"]


def render_examination(examination: Examination) -> str:
    """The whole document."""
    return "\n\n".join(_parts(examination)) + "\n"


def _parts(examination: Examination) -> Iterator[str]:
    yield f"# The mesh is {examination.verdict}"
    for number, one in enumerate(examination.diagnoses, start=1):
        yield f"## {number}. {escaped(one.cause)} ({one.certainty})"
        yield from _sections(one)
    if examination.not_examined:
        yield "## Not examined"
        yield markdown_table(("What", "Why"), [(escaped(one.id), escaped(one.reason)) for one in examination.not_examined])


def _sections(one: Diagnosis) -> Iterator[str]:
    told = [("Diagnosis", one.id), ("Where", ", ".join(map(str, one.objects)))]
    told += [("Hazard", one.hazard)] if one.hazard else []
    told += [("Source", one.source)] if one.source else []
    yield "\n".join(f"- {name}: {escaped(text)}" for name, text in told)
    # A log may hold any mark; in a block that is indented none of them means anything.
    yield "\n".join(("Evidence:", "", *(f"    {line}" for text in one.evidence for line in text.splitlines())))
    if one.effects:
        yield "\n".join(("It leads to:", "", *(f"- {escaped(text)}" for text in one.effects)))
    yield "\n".join(("To undo it:", "", *(f"{number}. {escaped(text)}" for number, text in enumerate(one.undo, start=1))))
