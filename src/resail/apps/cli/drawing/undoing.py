"""What a rollback will do, for people."""

from rich.console import Group, RenderableType
from rich.text import Text

from resail.apps.cli.drawing.parts import grid, table
from resail.models.undoing import Undoing
from resail.report.undoing import headline_of, restarts_of, words_of

__all__ = ["draw_undoing"]


def draw_undoing(undoing: Undoing) -> RenderableType:
    """Each step in order, then what stays and what is left out."""
    steps = [
        (str(number), step.step, step.outcome, words_of(step), restarts_of(step)) for number, step in enumerate(undoing.steps, 1)
    ]
    parts: list[RenderableType] = [
        Text(headline_of(undoing), style="bold"),
        grid(
            [
                ("run", f"{undoing.run}, {undoing.state}"),
                ("cluster", undoing.cluster_id),
                ("back to", f"{undoing.back_to}, revision {undoing.revision}"),
                *([("at work", f"{undoing.at_work}: it can begin only afterwards")] if undoing.at_work else []),
                *([("CRDs that stay", ", ".join(undoing.stays))] if undoing.stays else []),
            ]
        ),
        table(("", "Step", "Outcome", "What", "Restarts"), steps, title="\nIn this order"),
    ]
    if undoing.left_out:
        left = [(one.step, one.title, one.why) for one in undoing.left_out]
        parts.append(table(("Step", "What", "Why"), left, title="Nothing to undo"))
    parts.append(Text("Nothing was written."))
    return Group(*parts)
