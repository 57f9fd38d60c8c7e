"""Findings, the worst first."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from resail.apps.cli.drawing.parts import table
from resail.models.finding import Finding, worst_first
from resail.operations.verify import VerifyReport

__all__ = ["draw_findings", "draw_verdict"]


def draw_findings(findings: Sequence[Finding]) -> RenderableType:
    """A table of them."""
    rows = [
        (finding.severity, finding.id, _words(finding), "\n".join(str(place) for place in finding.objects))
        for finding in worst_first(findings)
    ]
    return table(("Severity", "Finding", "What", "Where"), rows, title=f"Findings ({len(rows)})")


def draw_verdict(report: VerifyReport) -> RenderableType:
    """The verdict on a mesh, and what it stands on."""
    if report.verdict == "ready":
        verdict = Text("The mesh is as it should be.", style="bold green")
    else:
        verdict = Text("The mesh is not as it should be.", style="bold red")
    return Group(verdict, draw_findings(report.findings)) if report.findings else verdict


def _words(finding: Finding) -> str:
    return f"{finding.message}\n→ {finding.fix}" if finding.fix else finding.message
