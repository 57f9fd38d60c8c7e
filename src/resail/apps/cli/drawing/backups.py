"""Backups, for people."""

from rich.console import Group, RenderableType
from rich.text import Text

from resail.apps.cli.drawing.parts import grid, section, table
from resail.models.backup import BackupFacts
from resail.operations.backup import BackupReport
from resail.operations.backup_files import BackupDifference

__all__ = ["draw_backup", "draw_difference"]

_SIGNS = {"add": ("+", "added", "green"), "change": ("~", "changed", "yellow"), "remove": ("-", "removed", "red")}


def draw_backup(report: BackupReport) -> RenderableType:
    """What it is of, what is in it, and what it lacks."""
    facts = report.facts
    rows = [
        ("file", report.path),
        ("digest", report.digest),
        ("bytes", str(report.bytes)),
        *_mesh(facts),
        ("objects", str(sum(report.objects.values()))),
        ("marked", f"{report.marked} namespaces and workloads with labels or annotations for the mesh"),
        ("Secrets", "in it, encrypted" if facts.has_secrets else f"not in it ({len(facts.left_out)} left out)"),
    ]
    parts: list[RenderableType] = [grid(rows), table(("Kind", "Objects"), [(k, str(n)) for k, n in report.objects.items()])]
    if facts.lacks:
        parts.append(Text(f"not sufficient to restore: {', '.join(facts.lacks)}", style="yellow"))
    if facts.unread:
        parts += [Text("not in it, or not all of it:", style="yellow"), grid(facts.unread.items())]
    return Group(*parts)


def draw_difference(found: BackupDifference) -> RenderableType:
    """Objects with the paths that changed."""
    parts: list[RenderableType] = []
    if found.old.cluster_id != found.new.cluster_id:
        parts.append(Text(f"of two clusters: {found.old.cluster_id} and {found.new.cluster_id}", style="yellow"))
    for each in found.changes:
        sign, _, colour = _SIGNS[each.change]
        parts.append(Text(f"{sign} {each.object}", style=colour))
        parts += [Text(f"    {path}") for path in each.fields]
    counts = [(sum(one.change == name for one in found.changes), word) for name, (_, word, _) in _SIGNS.items()]
    parts.append(Text(", ".join(f"{count} {word}" for count, word in counts) if found.changes else "Nothing differs."))
    if found.not_compared:
        parts += [section("Not compared"), *(Text(f"  {each}") for each in found.not_compared)]
    return Group(*parts)


def _mesh(facts: BackupFacts) -> list[tuple[str, str]]:
    return [
        ("cluster", facts.cluster_id),
        ("Kubernetes", facts.kubernetes_version),
        ("Istio", ", ".join(facts.istio_versions)),
        ("namespace", facts.istio_namespace),
    ]
