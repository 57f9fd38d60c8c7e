"""What every step works with."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from resail.cluster import Clock, ClusterReader
from resail.engine.calls import CallObserver, NumberedInstaller, NumberedWriter
from resail.engine.istioctl_calls import NumberedIstioctl
from resail.errors import ExitCode, ResailError
from resail.journal.sqlite import SqliteJournal
from resail.models.finding import Finding
from resail.models.identity import Manifest
from resail.models.journal import Progress
from resail.models.plan import Hop, PlanFiles, Step
from resail.models.release import Release

__all__ = ["CallObserver", "Context", "Done", "StepFailedError", "Verifier"]


class Verifier(Protocol):
    """Who checks the mesh at the end of a hop."""

    async def verify(self, files: PlanFiles, hop: int) -> tuple[Finding, ...]:
        """All findings of the mesh against what the plan makes of it by the end of a hop."""
        ...


class StepFailedError(ResailError):
    """A readiness or a gate of a step failed: what follows is settled by the plan's ``on_failure``."""

    exit_code = ExitCode.HALTED


class Done(msgspec.Struct, frozen=True):
    """A step ended well."""

    detail: str = ""
    restarted: tuple[str, ...] = ()
    skipped: bool = False
    """There was nothing to do."""


class Context:
    """One run of one plan in this process."""

    def __init__(
        self,
        *,
        reader: ClusterReader,
        writer: NumberedWriter,
        installer: NumberedInstaller,
        istioctl: NumberedIstioctl,
        journal: SqliteJournal,
        clock: Clock,
        verifier: Verifier,
        files: PlanFiles,
        releases: Sequence[Release],
        run: str,
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.installer = installer
        self.istioctl = istioctl
        self.journal = journal
        self.clock = clock
        self.verifier = verifier
        self.files = files
        self.releases = releases
        """One for each hop; none where nothing but undoing is to be done."""
        self.run = run

    def hop_of(self, step: Step) -> Hop:
        """The hop that a step belongs to."""
        return self.files.plan.hop_of(step)

    def objects(self, manifests: str) -> tuple[Manifest, ...]:
        """The objects of a file in the plan's archive."""
        return self.files.manifests[manifests]

    def tell(self, step: str, message: str, done: int = 0, total: int = 0) -> None:
        """Journal something worth seeing while a step waits."""
        self.journal.append(self.run, Progress(step, message, done, total))
