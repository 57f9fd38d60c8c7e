"""What came of ``pause`` and ``abort``."""

from rich.console import RenderableType
from rich.text import Text

from resail.operations.control import Steered

__all__ = ["draw_steered"]


def draw_steered(steered: Steered) -> RenderableType:
    """One line."""
    run = steered.run
    if steered.pending:
        place = f" ({run.step})" if run.step else ""
        return Text(f"{run.id}: asked for; it follows after the step under way{place}. `resail status` shows when.")
    return Text(f"{run.id}: {run.state}. `resail rollback` undoes what was done.")
