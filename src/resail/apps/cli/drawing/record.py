"""The record of a run: what was upgraded, restarted, left alone and why."""

from rich.console import Group, RenderableType
from rich.text import Text

from resail.apps.cli.drawing.findings import draw_findings
from resail.apps.cli.drawing.parts import COLOURS, grid, table
from resail.models.record import Record
from resail.report.durations import duration
from resail.report.words import headline

__all__ = ["draw_record"]


def draw_record(record: Record) -> RenderableType:
    """The whole record on one page."""
    restarted = [each for each in record.workloads if each.restarted]
    untouched = [each for each in record.workloads if not each.restarted]
    pods = "not measured" if record.pods_on_target is None else str(record.pods_on_target)
    parts: list[RenderableType] = [
        Text(headline(record), style=f"bold {COLOURS.get(record.state, '')}"),
        *([Text(record.detail)] if record.detail else []),
        table(
            ("Step", "Outcome", "Took", "What"),
            [
                (step.id, step.outcome, duration(step.started, step.ended), _what(step.title, step.detail))
                for step in record.steps
            ],
            title="\nUpgraded",
        ),
    ]
    if restarted:
        rows = [(each.workload, each.step, each.reason) for each in restarted]
        parts.append(table(("Workload", "Step", "Why"), rows, title=f"Restarted ({len(rows)})"))
    if untouched:
        alone = [(each.workload, each.reason) for each in untouched]
        parts.append(table(("Workload", "Why"), alone, title=f"Left alone ({len(alone)})"))
    if record.findings:
        parts.append(draw_findings(record.findings))
    parts.append(
        grid(
            [
                ("run", record.run),
                ("took", duration(record.started, record.updated)),
                (f"pods on {record.to_version}", pods),
                ("plan", record.plan),
                ("journal", record.journal),
                ("report", record.report),
                *(("backup", path) for path in record.backups),
            ]
        )
    )
    return Group(*parts)


def _what(title: str, detail: str) -> str:
    return f"{title}: {detail}" if detail else title
