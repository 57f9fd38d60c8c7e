"""How a run stands."""

from rich.console import Group, RenderableType

from resail.apps.cli.drawing.parts import grid, table
from resail.operations.status import RunStatus
from resail.report.durations import clock_time, duration

__all__ = ["draw_status"]


def draw_status(status: RunStatus) -> RenderableType:
    """The run, its steps, and the runs before it."""
    run = status.run
    killed = run.state == "running" and not status.at_work
    facts = [
        ("run", run.id),
        ("state", "interrupted" if killed else run.state),
        ("step", run.step),
        ("detail", "no process works on it: `resail resume` goes on" if killed else run.detail),
        ("asked for", status.requested),
        ("held by", status.holder),
        ("started", clock_time(run.started)),
        ("last change", clock_time(run.updated)),
        ("plan", run.plan_file),
    ]
    rows = [(step.id, step.outcome, duration(step.started, step.ended), step.detail) for step in status.steps]
    parts: list[RenderableType] = [
        grid([(name, value) for name, value in facts if value]),
        table(("Step", "Outcome", "Took", "Detail"), rows, title="\nSteps"),
    ]
    if len(status.runs) > 1:
        others = [(each.id, each.state, clock_time(each.started), each.detail) for each in status.runs]
        parts.append(table(("Run", "State", "Started", "Detail"), others, title="Runs"))
    return Group(*parts)
