"""The test bed and its programs."""

from rich.console import Group, RenderableType

from resail.apps.cli.drawing.parts import grid, table
from resail.operations.testbed import BedStatus, Programs

__all__ = ["draw_bed", "draw_programs"]


def draw_programs(programs: Programs) -> RenderableType:
    """Where each program is."""
    rows = [(name, str(path) if path else "not built") for name, path in sorted(programs.paths.items())]
    return table(("Program", "Where"), rows)


def draw_bed(status: BedStatus) -> RenderableType:
    """One bed."""
    head = grid((("bed", str(status.directory)), ("kubeconfig", str(status.kubeconfig)), ("API", "up" if status.up else "down")))
    programs = table(
        ("Program", "State"), [(name, "runs" if alive else "ended") for name, alive in sorted(status.programs.items())]
    )
    istiods = table(("istiod", "Revision", "Version"), [(one.pod, one.revision, one.version) for one in status.istiods])
    return Group(head, *([programs] if status.programs else []), *([istiods] if status.istiods else []))
