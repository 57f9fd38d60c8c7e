"""The difference of two releases as Markdown."""

from resail.releases.difference import ReleaseDifference
from resail.report.markdown_text import escaped, markdown_table

__all__ = ["render_difference"]


def render_difference(difference: ReleaseDifference) -> str:
    """Draw it: the changes, then the notes on the way with their links."""
    changes = [tuple(map(escaped, (one.topic, one.where, one.name, one.change, one.old, one.new))) for one in difference.changes]
    notes = [
        (one.line, escaped(one.note.area), one.note.kind, f"[{escaped(one.note.text)}]({one.note.source})")
        for one in difference.notes
    ]
    unknown = ", ".join(name.replace("_", " ") for name in difference.unknown)
    parts = [
        f"# Istio {difference.old} and {difference.new}",
        *([f"Not compared, since one of them does not tell: {unknown}."] if unknown else []),
        markdown_table(("What", "Where", "Name", "Change", "Was", "Is"), changes),
        "## Release notes",
        markdown_table(("Line", "Area", "Kind", "Note"), notes),
    ]
    return "\n\n".join(parts) + "\n"
