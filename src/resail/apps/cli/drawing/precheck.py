"""What a precheck found, the worst first; the same hazard in several places is one row."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from resail.apps.cli.drawing.parts import table
from resail.models.finding import Finding
from resail.models.precheck import Precheck

__all__ = ["draw_precheck"]

_MOST_PLACES = 5
_SEVERITIES = (("blocker", "Blockers"), ("warning", "Warnings"), ("info", "Worth knowing"))


def draw_precheck(result: Precheck) -> RenderableType:
    """Verdict, findings by severity, what could not be told, and what a person has to see to."""
    return Group(*_parts(result))


def _parts(result: Precheck) -> Iterator[RenderableType]:
    way = " → ".join((result.from_version, *(result.hops or (result.to_version,))))
    if result.verdict == "ready":
        yield Text(f"Ready: nothing stands in the way of {way}.", style="bold green")
    else:
        yield Text(f"Not ready for {way}.", style="bold red")
    for severity, title in _SEVERITIES:
        found = [one for one in result.findings if one.severity == severity]
        if found:
            yield table(("Finding", "What", "Where and evidence"), _rows(found), title=f"{title} ({len(found)})")
    if result.waived:
        rows = [(one.finding.id, one.finding.message, f"until {one.expires}: {one.reason}") for one in result.waived]
        yield table(("Finding", "What", "Waived"), rows, title=f"Waived ({len(rows)})")
    if result.not_evaluated:
        unknown = [(one.id, one.reason) for one in result.not_evaluated]
        yield table(("Hazard", "Why"), unknown, title=f"Not evaluated ({len(unknown)})")
    if result.checklist:
        asked = [(one.text, one.reason) for one in result.checklist]
        yield table(("To see to", "Why"), asked, title=f"What no API can see ({len(asked)})")
    if result.more_notes:
        yield Text(f"{result.more_notes} more release notes do not concern this mesh; --all shows them.", style="dim")


def _rows(findings: Sequence[Finding]) -> Iterator[tuple[str, str, str]]:
    for (name, message, fix), group in groupby(findings, key=lambda one: (one.id, one.message, one.fix)):
        yield name, f"{message}\n→ {fix}" if fix else message, "\n".join(_places(group))


def _places(findings: Iterable[Finding]) -> Iterator[str]:
    lines = [f"{', '.join(map(str, one.objects))}\n  {one.evidence}" if one.objects else one.evidence for one in findings]
    yield from lines[:_MOST_PLACES]
    if len(lines) > _MOST_PLACES:
        yield f"… and {len(lines) - _MOST_PLACES} more"
