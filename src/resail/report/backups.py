"""A backup, and the difference of two, as Markdown."""

from collections.abc import Mapping, Sequence

from resail.models.backup import BackupFacts
from resail.models.plan import ObjectChange
from resail.report.markdown_text import escaped, markdown_table

__all__ = ["render_backup", "render_difference"]


def render_backup(path: str, digest: str, facts: BackupFacts, objects: Mapping[str, int], marked: int) -> str:
    """What it is of, what it lacks, and how much is in it.

    Args:
        path: of the file.
        digest: of the file.
        facts: of the backup.
        objects: how many of each kind.
        marked: namespaces and workloads with labels or annotations for the mesh.
    """
    told = [
        ("File", escaped(path)),
        ("Digest", digest),
        ("Cluster", escaped(facts.cluster_id)),
        ("Kubernetes", escaped(facts.kubernetes_version)),
        ("Istio", ", ".join(facts.istio_versions)),
        ("Secrets", "in it, encrypted" if facts.has_secrets else f"not in it ({len(facts.left_out)} left out)"),
        ("Marked", str(marked)),
    ]
    parts = [f"# Backup of the mesh of {escaped(facts.istio_namespace)}"]
    if facts.lacks:
        parts.append(f"**not sufficient to restore: {', '.join(facts.lacks)}**")
    parts += [
        markdown_table(("What", "Is"), told),
        markdown_table(("Kind", "Objects"), [(escaped(kind), str(count)) for kind, count in objects.items()]),
    ]
    if facts.unread:
        rows = [(escaped(kind), escaped(why)) for kind, why in facts.unread.items()]
        parts += ["## Not in it, or not all of it", markdown_table(("Kind", "Why"), rows)]
    return "\n\n".join(parts) + "\n"


def render_difference(old: BackupFacts, new: BackupFacts, changes: Sequence[ObjectChange], not_compared: Sequence[str]) -> str:
    """The changes, and what could not be compared."""
    rows = [(each.change, escaped(str(each.object)), "<br>".join(map(escaped, each.fields))) for each in changes]
    parts = ["# What differs between two backups"]
    if old.cluster_id != new.cluster_id:
        parts.append(f"They are of two clusters: {escaped(old.cluster_id)} and {escaped(new.cluster_id)}.")
    parts.append(markdown_table(("Change", "Object", "Fields"), rows))
    if not_compared:
        parts += ["## Not compared", "\n".join(f"- {escaped(each)}" for each in not_compared)]
    return "\n\n".join(parts) + "\n"
