"""The record as Markdown, for a change ticket."""

from collections.abc import Iterable, Sequence

from resail.models.plan import PlanFiles
from resail.models.record import Record
from resail.report.durations import clock_time, duration
from resail.report.words import change_of, headline, way_of

__all__ = ["render_markdown"]


def render_markdown(record: Record, files: PlanFiles) -> str:
    """Draw the record; every text of a cluster's own is escaped."""
    steps = {step.id: step for step in files.plan.steps}
    restarted = [each for each in record.workloads if each.restarted]
    untouched = [each for each in record.workloads if not each.restarted]
    pods = "not measured" if record.pods_on_target is None else str(record.pods_on_target)
    parts = [
        f"# {_escape(headline(record))}",
        *([_escape(record.detail)] if record.detail else []),
        _table(
            ("", ""),
            [
                ("Run", f"`{record.run}`"),
                *([("Hops", way_of(files.plan))] if len(files.plan.hops) > 1 else []),
                ("Started", clock_time(record.started)),
                ("Last change", clock_time(record.updated)),
                ("Took", duration(record.started, record.updated)),
                ("Pods with a proxy of the target version", pods),
                ("Plan", f"`{record.plan}`"),
                ("Plan id", f"`{record.plan_id}`"),
                ("Journal", f"`{record.journal}`"),
            ],
        ),
        "## Steps",
        _table(
            ("Step", "Kind", "Outcome", "Took", "What"),
            [
                (
                    f"`{each.id}`",
                    each.kind,
                    each.outcome,
                    duration(each.started, each.ended),
                    _escape("; ".join(filter(None, (each.title, change_of(steps[each.id]), each.detail)))),
                )
                for each in record.steps
            ],
        ),
        f"## Restarted ({len(restarted)})",
        _table(("Workload", "Step", "Reason"), [(_escape(w.workload), w.step, _escape(w.reason)) for w in restarted]),
        f"## Left alone ({len(untouched)})",
        _table(("Workload", "Reason"), [(_escape(w.workload), _escape(w.reason)) for w in untouched]),
        f"## Findings ({len(record.findings)})",
        _table(
            ("Severity", "Finding", "Message", "Objects", "Fix"),
            [
                (f.severity, f"`{f.id}`", _escape(f.message), _escape(", ".join(map(str, f.objects))), _escape(f.fix))
                for f in record.findings
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(row) for row in rows]
    if not lines:
        return "None."
    return "\n".join([_row(heads), _row(["---"] * len(heads)), *lines])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Keep the text from breaking the table or becoming markup."""
    for mark in "\\`|<>*_[]":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
