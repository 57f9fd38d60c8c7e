"""The record as Markdown, for a change ticket."""

from resail.models.plan import PlanFiles
from resail.models.record import Record
from resail.report.durations import clock_time, duration
from resail.report.markdown_text import escaped, markdown_table
from resail.report.words import change_of, headline, way_of

__all__ = ["render_markdown"]


def render_markdown(record: Record, files: PlanFiles) -> str:
    """Draw the record; every text of a cluster's own is escaped."""
    steps = {step.id: step for step in files.plan.steps}
    restarted = [each for each in record.workloads if each.restarted]
    untouched = [each for each in record.workloads if not each.restarted]
    pods = "not measured" if record.pods_on_target is None else str(record.pods_on_target)
    parts = [
        f"# {escaped(headline(record))}",
        *([escaped(record.detail)] if record.detail else []),
        markdown_table(
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
                *(("Backup", f"`{path}`") for path in record.backups),
            ],
        ),
        "## Steps",
        markdown_table(
            ("Step", "Kind", "Outcome", "Took", "What"),
            [
                (
                    f"`{each.id}`",
                    each.kind,
                    each.outcome,
                    duration(each.started, each.ended),
                    escaped("; ".join(filter(None, (each.title, change_of(steps[each.id]), each.detail)))),
                )
                for each in record.steps
            ],
        ),
        f"## Restarted ({len(restarted)})",
        markdown_table(("Workload", "Step", "Reason"), [(escaped(w.workload), w.step, escaped(w.reason)) for w in restarted]),
        f"## Left alone ({len(untouched)})",
        markdown_table(("Workload", "Reason"), [(escaped(w.workload), escaped(w.reason)) for w in untouched]),
        f"## Findings ({len(record.findings)})",
        markdown_table(
            ("Severity", "Finding", "Message", "Objects", "Fix"),
            [
                (f.severity, f"`{f.id}`", escaped(f.message), escaped(", ".join(map(str, f.objects))), escaped(f.fix))
                for f in record.findings
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"
