"""The journal of this machine, made what the cluster's copies say: they are the authority, and it is but their cache."""

from collections.abc import Sequence
from pathlib import Path

from resail.journal.copy_format import CopiedRun
from resail.journal.sqlite import SqliteJournal

__all__ = ["reconcile"]


def reconcile(journal: SqliteJournal, copied: Sequence[CopiedRun], namespace: str, aside: Path) -> tuple[str, ...]:
    """Make the journal tell of the copied runs what their copies do; runs that have no copy stay, before the others.

    What only this machine knows of a copied run is no longer so: its process died, or lost its lease, before it could tell, and
    the mesh may have been put back since together with the copies. What was under way is judged by the mesh.

    Args:
        journal: of this machine, on which no process works.
        copied: all runs that have a copy, oldest first.
        namespace: where their copies are.
        aside: where the journal is kept as it was, if it told otherwise.

    Returns: the runs of which it told otherwise.
    """
    known = [run.id for run in journal.runs()]
    wanted = {each.head.run: list(each.entries) for each in copied}
    present = {run: journal.entries(run) for run in wanted if run in known}
    others = tuple(run for run, entries in present.items() if entries != wanted[run][: len(entries)])
    if present != wanted or known[len(known) - len(wanted) :] != list(wanted):
        if others:
            journal.write_aside(aside)
        journal.adopt(wanted)
    for run in wanted:
        if journal.copied_to(run) != namespace:
            journal.mark_copied(run, namespace)
    return others
