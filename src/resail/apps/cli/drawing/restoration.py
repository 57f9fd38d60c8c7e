"""What a restore would do, and did, for people."""

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from rich.console import Group, RenderableType
from rich.text import Text

from resail.apps.cli.drawing.parts import table
from resail.backup.restoration import Action, Restoration, Verdict
from resail.backup.writing import Outcome, Result
from resail.models.backup import BackupFacts
from resail.models.mesh_objects import group_kind
from resail.operations.restore import RestoreReport

__all__ = ["draw_restoration", "draw_restored"]

_SIGNS = {"create": ("+", "green"), "finish": ("*", "green"), "mark": ("+", "green"), "differs": ("~", "yellow")}
_LEFT = ("!", "red")
_WORDS: dict[Verdict, str] = {
    "create": "create",
    "finish": "give back",
    "mark": "mark",
    "differs": "differs",
    "leaving": "being deleted",
    "gone": "gone",
    "same": "same",
}
_NOTES: dict[Verdict, str] = {
    "finish": "only who owns its fields is put back, which an earlier restore did not come to",
    "leaving": "left: it is being deleted",
    "gone": "left: it is not there, and only its labels and annotations are in the backup",
}


def draw_restoration(facts: BackupFacts, restoration: Restoration, *, overwrite: bool) -> RenderableType:
    """Each object that is not as in the backup, in the order of writing, and a count of all by kind."""
    parts: list[RenderableType] = []
    stage = ""
    for action in restoration.actions:
        if action.verdict == "same":
            continue
        if action.stage != stage:
            stage = action.stage
            parts.append(Text(f"\n{stage}" if parts else stage, style="bold"))
        parts += _lines(action, overwrite)
    parts.append(_counts(restoration))
    if facts.lacks:
        parts.append(Text(f"The backup is not sufficient to restore: {', '.join(facts.lacks)}", style="yellow"))
    parts += [Text(f"The backup has nothing of {kind}: {why}", style="yellow") for kind, why in sorted(facts.unread.items())]
    return Group(*parts)


def draw_restored(report: RestoreReport) -> RenderableType:
    """How it ended: what was left or failed, and how many were written."""
    counts = Counter(result.outcome for result in report.results)
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in get_args(Outcome) if counts[outcome])
    return Group(*_remarks(report.results), Text(told or "Nothing is left to do: the mesh is as in the backup."))


def _lines(action: Action, overwrite: bool) -> list[Text]:
    sign, colour = _SIGNS.get(action.verdict, _LEFT)
    note = _NOTES.get(action.verdict, "")
    if action.verdict == "differs":
        note = "is overwritten" if overwrite else "left: it was changed since the backup; --overwrite makes it as in the backup"
    marks = " (labels and annotations)" if action.part == "marks" else ""
    head = Text(f"  {sign} {action.ref}{marks}{f': {note}' if note else ''}", style=colour)
    return [head, *(Text(f"      {field}") for field in action.fields)]


def _counts(restoration: Restoration) -> RenderableType:
    found: dict[str, Counter[Verdict]] = {}
    for action in restoration.actions:
        kind = group_kind(action.ref.api_version, action.ref.kind) + (" (marks)" if action.part == "marks" else "")
        found.setdefault(kind, Counter())[action.verdict] += 1
    used = [verdict for verdict in _WORDS if any(counts[verdict] for counts in found.values())]
    rows = [(kind, *(str(counts[verdict] or "") for verdict in used)) for kind, counts in sorted(found.items())]
    return table(("Kind", *(_WORDS[verdict] for verdict in used)), rows)


def _remarks(results: Sequence[Result]) -> list[Text]:
    return [
        Text(f"{result.object}: {result.outcome}: {result.why}", style="red" if result.outcome == "failed" else "yellow")
        for result in results
        if result.why
    ]
