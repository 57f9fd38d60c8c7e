"""What a rollback was said to do, held against what it then does."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from resail.journal.sqlite import open_journal
from resail.models.journal import CallIntent, Entry, StepIntent, StepOutcome
from resail.models.undoing import Undoing
from resail.operations.apply import Connect, RollbackRequest
from resail.operations.cluster_choice import TWIN, connect_to
from resail.operations.rollback_preview import foresee_rollback
from tests.acceptance.crashes import settle

__all__ = ["contents", "entries_of", "foresee", "foreseen_on_a_copy", "otherwise"]


def foresee(directory: Path, connect: Connect = connect_to) -> Undoing:
    return settle(foresee_rollback(RollbackRequest(directory=directory), connect=connect))


def foreseen_on_a_copy(directory: Path, place: Path, connect: Connect = connect_to) -> Undoing:
    """On a copy of the state directory, of which nothing but the twin may have changed afterwards."""
    seen = Path(shutil.copytree(directory, place))
    before = contents(seen)
    foreseen = foresee(seen, connect)
    assert contents(seen) == before, "a dry run writes nothing"
    shutil.rmtree(seen)
    return foreseen


def contents(directory: Path) -> dict[str, bytes]:
    """All files but the twin, whose controllers work on by themselves."""
    files = [path for path in directory.rglob("*") if path.is_file() and not path.name.startswith(TWIN)]
    return {str(path): path.read_bytes() for path in files}


def entries_of(directory: Path) -> list[Entry]:
    """Of the latest run."""
    journal = open_journal(directory / "journal.db")
    return journal.entries(journal.run(None).id)


def otherwise(foreseen: Undoing, entries: Sequence[Entry]) -> list[str]:
    """What the rollback did otherwise; ``entries`` are those that it has written."""
    told = []
    bodies = [entry.body for entry in entries]
    begun = [body.step for body in bodies if isinstance(body, StepIntent)]
    if begun != [step.step for step in foreseen.steps]:
        told.append(f"steps {begun} instead of {[step.step for step in foreseen.steps]}")
    made = {(body.step, body.verb, body.object) for body in bodies if isinstance(body, CallIntent)}
    listed = {(step.step, write.verb, write.object) for step in foreseen.steps for write in step.writes}
    told += [f"not listed: {one}" for one in sorted(made - listed)] + [f"not made: {one}" for one in sorted(listed - made)]
    for step in foreseen.steps:
        outcomes = [body for body in bodies if isinstance(body, StepOutcome) and body.step == step.step]
        restarted = {name for outcome in outcomes for name in outcome.restarted}
        if not restarted <= {str(ref) for ref in step.restarts} or restarted & {str(ref) for ref in step.alone}:
            told.append(f"{step.step} restarted {restarted}, not {step.restarts}")
    return told
