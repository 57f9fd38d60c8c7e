"""Which run a rollback is of, and whether it can be undone."""

from resail.errors import BlockedError, UsageError
from resail.journal.sqlite import SqliteJournal
from resail.models.journal import Run, StepIntent

__all__ = ["has_begun", "run_to_undo"]


def run_to_undo(journal: SqliteJournal, run: str | None) -> Run:
    """The run of that id; without one the latest that did something: none wants one undone that found its plan stale.

    Raises:
        UsageError: there is no such run, or it is rolled back already.
        BlockedError: a later run stands on what this one did.
    """
    found = journal.run(run or _latest_begun(journal))
    if found.state == "rolled-back":
        raise UsageError("the run is rolled back already", on=found.id, next_step="there is nothing to do")
    runs = journal.runs()
    behind = runs[[each.id for each in runs].index(found.id) + 1 :]
    later = [each.id for each in behind if each.state != "rolled-back" and has_begun(journal, each.id)]
    if later:
        raise BlockedError(f"later runs stand on it: {', '.join(later)}", on=found.id, next_step=f"roll {later[-1]} back first")
    return found


def has_begun(journal: SqliteJournal, run: str) -> bool:
    """Has it begun a step?"""
    return any(isinstance(entry.body, StepIntent) for entry in journal.entries(run))


def _latest_begun(journal: SqliteJournal) -> str | None:
    return next((run.id for run in reversed(journal.runs()) if has_begun(journal, run.id)), None)
