"""The catalogue of hazards as Markdown: the reference page is made of it."""

from collections.abc import Sequence

from resail.checks.hazards.hazard import GATES, UNDO, Hazard
from resail.report.markdown_text import escaped, markdown_table

__all__ = ["render_catalogue"]

_INTRODUCTION = """# Hazards

*What is known to go wrong in upgrades of Istio, and how `resail precheck` finds it. `resail explain -o md` prints this page.*

A hazard is looked for where the installed version, the target, the installer, the mode and the strategy are within what
is listed. *Indicative* ones are signs and no proof, and so warnings at most. Severities are those of the usual case; a rule
may find a milder or a worse one."""


def render_catalogue(hazards: Sequence[Hazard]) -> str:
    """The whole page."""
    parts = [_INTRODUCTION, *(_section(hazard) for hazard in hazards), _legend("Gates", GATES), _legend("Undo", UNDO)]
    return "\n\n".join(parts) + "\n"


def _section(hazard: Hazard) -> str:
    rows = [
        ("Severity", f"{hazard.severity}, {hazard.proof}"),
        ("Installed", f"`{hazard.installed}`"),
        ("Target", f"`{hazard.target}`"),
        ("Where", f"{', '.join(hazard.methods)}; {', '.join(hazard.modes)}; {', '.join(hazard.strategies)}"),
        ("Detected by", escaped(hazard.detection)),
        ("Effect", escaped(hazard.effect)),
        ("Fix", escaped(hazard.fix)),
        ("Watched for by", ", ".join(hazard.gates)),
        ("Undone by", ", ".join(hazard.undo)),
        ("Sources", " ".join(f"<{source}>" for source in hazard.sources)),
    ]
    return f"## {hazard.id}: {escaped(hazard.title)}\n\n{markdown_table(('', ''), rows)}"


def _legend(title: str, texts: dict[str, str]) -> str:
    return f"## {title}\n\n{markdown_table(('', ''), [(key, escaped(text)) for key, text in texts.items()])}"
