"""One run of a plan on a copy, forwards and, where that is wished, back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from resail.cluster import Clock, Cluster
from resail.engine.engine import Engine, Verifier
from resail.errors import ResailError
from resail.installers.interface import Installer, IstioctlInstaller
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.models.journal import Entry, Run, RunStarted, StepApproved
from resail.models.plan import Approve, AwaitSoak, PlanFiles
from resail.models.rehearsal import Place
from resail.models.release import Release
from resail.report.steps import step_records

__all__ = ["Copy", "Trial", "trial_on"]

_RUN = "rehearsal"
_IN_MEMORY = Path(":memory:")
"""SQLite's name for no file: nobody resumes a rehearsal, and each entry of a file would wait for the disk."""


class Copy(msgspec.Struct, frozen=True):
    """A copy of a mesh, and what works on it."""

    place: Place
    cluster: Cluster
    clock: Clock
    installer: Installer
    istioctl: IstioctlInstaller
    verifier: Verifier
    releases: tuple[Release, ...]
    """One for each hop; the installer of a twin reads nothing of them."""


@asynccontextmanager
async def trial_on(copy: Copy, files: PlanFiles) -> AsyncIterator["Trial"]:
    """A run of the plan that is about to begin."""
    journal = open_journal(_IN_MEMORY, copy.clock.now)
    try:
        yield Trial(copy, files, journal)
    finally:
        journal.close()


class Trial:
    """A run with a journal of its own; whoever must approve a step has done so."""

    def __init__(self, copy: Copy, files: PlanFiles, journal: SqliteJournal) -> None:
        self._files = _without_soaks(files) if copy.place == "control-plane" else files
        self._journal = journal
        self._releases = copy.releases
        cluster, clock = copy.cluster, copy.clock
        self._engine = Engine(cluster, cluster, copy.installer, journal, clock, copy.verifier, istioctl=copy.istioctl)

    async def apply(self) -> Run:
        """Run the plan to where it ends or stops."""
        plan = self._files.plan
        self._journal.append(_RUN, RunStarted(self._files.id, "", plan.cluster_id))
        for step in plan.steps:
            if isinstance(step, Approve):
                self._journal.append(_RUN, StepApproved(step.id))
        try:
            await self._engine.apply(self._files, self._releases, _RUN)
        except ResailError as error:
            return self._stopped(error)
        return self._journal.run(_RUN)

    async def undo(self) -> Run:
        """Undo what was done."""
        try:
            await self._engine.rollback(self._files, (), _RUN)
        except ResailError as error:
            return self._stopped(error)
        return self._journal.run(_RUN)

    @property
    def entries(self) -> Sequence[Entry]:
        return self._journal.entries(_RUN)

    @property
    def seconds(self) -> float:
        """From the run's beginning to what it did last."""
        entries = self.entries
        return (entries[-1].time - entries[0].time).total_seconds()

    @property
    def restarted(self) -> tuple[str, ...]:
        """Workloads that were restarted, ``namespace/Kind/name``, sorted."""
        steps = step_records(self._files.plan, self.entries, live=False)
        return tuple(sorted({workload for step in steps for workload in step.restarted}))

    def _stopped(self, error: ResailError) -> Run:
        """As the journal has it; an error that the engine itself does not journal is the reason."""
        run = self._journal.run(_RUN)
        return run if run.state != "running" else msgspec.structs.replace(run, state="halted", detail=str(error))


def _without_soaks(files: PlanFiles) -> PlanFiles:
    """Real time would go by, and a copy has nobody who uses it."""
    steps = tuple(msgspec.structs.replace(step, seconds=0) if isinstance(step, AwaitSoak) else step for step in files.plan.steps)
    return msgspec.structs.replace(files, plan=msgspec.structs.replace(files.plan, steps=steps))
