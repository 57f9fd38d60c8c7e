"""The catalogue of hazards, and one of them."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from resail.apps.cli.drawing.parts import COLOURS, grid, table
from resail.checks.hazards.hazard import GATES, UNDO, Hazard

__all__ = ["draw_catalogue", "draw_hazard"]


def draw_catalogue(hazards: Sequence[Hazard]) -> RenderableType:
    """A table of them."""
    rows = [(one.severity, one.id, one.title, one.installed, one.target, one.proof) for one in hazards]
    return table(("Severity", "Id", "What", "Installed", "Target", "Proof"), rows, title=f"Hazards ({len(rows)})")


def draw_hazard(hazard: Hazard) -> RenderableType:
    """All that is known of it."""
    head = Text.assemble((hazard.id, "bold"), "  ", (hazard.severity, COLOURS[hazard.severity]), "  ", hazard.title)
    told = hazard.proof if hazard.proof == "provable" else "indicative: a sign of it can be seen, so it warns at most"
    rows = [
        ("Installed", hazard.installed),
        ("Target", hazard.target),
        ("Installers", ", ".join(hazard.methods)),
        ("Mode", ", ".join(hazard.modes)),
        ("Strategy", ", ".join(hazard.strategies)),
        ("Proof", told),
        ("Detected by", hazard.detection),
        ("Effect", hazard.effect),
        ("Fix", hazard.fix),
        *(("Watched for by", f"{gate}: {GATES[gate]}") for gate in hazard.gates),
        *(("Undone by", f"{undo}: {UNDO[undo]}") for undo in hazard.undo),
        *(("Source", source) for source in hazard.sources),
    ]
    return Group(head, grid(rows))
