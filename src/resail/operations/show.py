"""``resail show``: a plan, read and checked."""

from pathlib import Path

from resail.models.plan import PlanFiles
from resail.plan.file import read_plan

__all__ = ["show"]


def show(path: Path) -> PlanFiles:
    """Read a plan.

    Raises:
        ArtifactError: there is none, or any byte of it is not what was written.
    """
    return read_plan(path)
