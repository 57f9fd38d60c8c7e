"""Findings, the worst first."""

from collections.abc import Sequence

from rich.console import RenderableType

from resail.apps.cli.drawing.parts import table
from resail.models.finding import Finding

__all__ = ["draw_findings"]

_ORDER = ("blocker", "warning", "info")


def draw_findings(findings: Sequence[Finding]) -> RenderableType:
    """A table of them."""
    ordered = sorted(findings, key=lambda finding: (_ORDER.index(finding.severity), finding))
    rows = [
        (finding.severity, finding.id, _words(finding), "\n".join(str(place) for place in finding.objects)) for finding in ordered
    ]
    return table(("Severity", "Finding", "What", "Where"), rows, title=f"Findings ({len(rows)})")


def _words(finding: Finding) -> str:
    return f"{finding.message}\n→ {finding.fix}" if finding.fix else finding.message
