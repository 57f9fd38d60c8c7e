"""Where runs live on this machine, and which of them is meant."""

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

import msgspec

from resail.errors import LockedError, UsageError
from resail.journal.sqlite import SqliteJournal, on_the_wall, open_journal
from resail.models.journal import Run
from resail.models.plan import PlanFiles
from resail.operations.cluster_choice import ClusterChoice
from resail.plan.file import write_plan

__all__ = [
    "USUAL_NAMESPACE",
    "BackupTime",
    "RunChoice",
    "StateDirectory",
    "existing_journal",
    "new_run_id",
    "place_of",
    "refuse_unfinished",
    "state_directory",
]

USUAL_NAMESPACE = "istio-system"
"""Of a control plane."""

BackupTime = Literal["before", "after", "after-rollback"]
"""When a run took a backup: before its first step, when it was done, when it was rolled back."""


class RunChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which run of which state directory."""

    cluster: ClusterChoice = ClusterChoice()
    """Asked for its copies of runs; where ``directory`` is given, only to steer one that has a copy."""
    directory: Path | None = None
    """None: the state directory of the cluster."""
    run: str | None = None
    """None: the latest."""
    istio_namespace: str = USUAL_NAMESPACE
    """Of the control plane, where the copies of runs are looked for that this machine does not know."""


class StateDirectory(msgspec.Struct, frozen=True):
    """The journal, plans, reports and backups of one cluster's runs."""

    root: Path
    """Absolute."""

    @property
    def journal(self) -> Path:
        return self.root / "journal.db"

    @property
    def journal_before(self) -> Path:
        """The journal as it was before the cluster's copy of a run was found to tell otherwise."""
        return self.root / "journal-before.db"

    def plan(self, plan_id: str) -> Path:
        """The runs' own copy of a plan."""
        return self.root / "plans" / f"{plan_id.removeprefix('sha256:')[:12]}.zip"

    def plan_of(self, run: Run) -> Path:
        """Where the plan of a run is: here, or where it was kept by whoever began it."""
        path = self.plan(run.plan_id)
        return path if path.exists() else Path(run.plan_file)

    def report(self, run: str, suffix: str) -> Path:
        """``suffix`` is ``html``, ``md`` or ``json``."""
        return self.root / "reports" / f"{run}.{suffix}"

    def backup(self, run: str, when: BackupTime) -> Path | None:
        """The backup that a run took by itself; None where there is none."""
        paths = (self.new_backup(run, when, encrypted=encrypted) for encrypted in (True, False))
        return next((path for path in paths if path.exists()), None)

    def backups(self, run: str) -> tuple[Path, ...]:
        """All that it took, in order."""
        found = (self.backup(run, when) for when in get_args(BackupTime))
        return tuple(path for path in found if path is not None)

    def new_backup(self, run: str, when: BackupTime, *, encrypted: bool) -> Path:
        """Where one is written to."""
        return self.root / "backups" / f"{run}-{when}.tar.gz{'.age' if encrypted else ''}"

    def keep_plan(self, files: PlanFiles) -> Path:
        """Write the runs' own copy of the plan, so that they can go on without the user's file."""
        path = self.plan(files.id)
        write_plan(path, files)
        return path


def state_directory(directory: Path | None, cluster_id: str) -> StateDirectory:
    """``directory``, or the one of this cluster below the user's state directory.

    Raises:
        UsageError: the directory cannot be made or written to.
    """
    root = place_of(directory, cluster_id).root
    try:
        (root / "plans").mkdir(parents=True, exist_ok=True)
        (root / "reports").mkdir(exist_ok=True)
        (root / "backups").mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot be used as a state directory: {error.strerror}",
            on=str(root),
            next_step="give another one with --dir",
        ) from error
    return StateDirectory(root)


def place_of(directory: Path | None, cluster_id: str) -> StateDirectory:
    """As ``state_directory``, without making it."""
    if directory is None:
        from platformdirs import user_state_path

        directory = user_state_path("resail") / cluster_id
    return StateDirectory(directory.absolute())


def existing_journal(state: StateDirectory, now: Callable[[], datetime] = on_the_wall) -> SqliteJournal:
    """Open the journal of a directory where something was run.

    Raises:
        UsageError: nothing was.
    """
    if not state.journal.exists():
        raise UsageError(
            "no upgrade was run from here",
            on=str(state.root),
            next_step="start one with `resail apply PLAN`, or name its directory with --dir",
        )
    return open_journal(state.journal, now)


def refuse_unfinished(runs: list[Run]) -> None:
    """Refuse to start a second run beside one that can still be resumed.

    Raises:
        LockedError: the latest run is neither finished nor aborted.
    """
    if runs and runs[-1].state in ("running", "halted", "rollback-failed"):
        run = runs[-1]
        raise LockedError(
            f"the run before this one is {run.state}" + (f": {run.detail}" if run.detail else ""),
            on=run.id,
            next_step="finish it with `resail resume`, undo it with `resail rollback`, or give it up with `resail abort`",
        )


def new_run_id() -> str:
    """``r-`` and 8 random hex digits."""
    return f"r-{secrets.token_hex(4)}"
