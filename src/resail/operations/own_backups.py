"""The backups that a run takes by itself: of the mesh as it finds it, and as it leaves it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from resail.backup.file import write_backup
from resail.backup.gathering import gather
from resail.cluster import ClusterReader
from resail.errors import ResailError
from resail.models.backup import Backup
from resail.models.journal import RunState
from resail.models.snapshot import MeshSnapshot
from resail.operations.runs import BackupTime, StateDirectory
from resail.operations.site import read_site

__all__ = ["OwnBackups"]

_AT_THE_END: dict[RunState, BackupTime] = {"done": "after", "rolled-back": "after-rollback"}


class OwnBackups:
    """Those of one run, in its state directory; encrypted for those whom the site names, else without values of Secrets."""

    def __init__(
        self, state: StateDirectory, run: str, istio_namespace: str, config: Path | None, progress: Callable[[str], None]
    ) -> None:
        self._state = state
        self._run = run
        self._istio_namespace = istio_namespace
        self._config = config
        self._progress = progress

    async def before(self, reader: ClusterReader) -> None:
        """Before the first step of the run. One that is there already stays: nothing was done since.

        Raises:
            ArtifactError: it cannot be written.
            UsageError: the site's settings cannot be used.
            ClusterUnreachableError: the API does not answer.
        """
        if self._state.backup(self._run, "before") is not None:
            return
        self._progress("backing up the mesh")
        path, backup = await self._take(reader, "before")
        facts = backup.facts
        self._progress(f"the mesh as it was is in {path}")
        if facts.lacks:
            self._progress(f"that backup is not sufficient to restore: {', '.join(facts.lacks)}")
        if facts.unread:
            self._progress(f"it has not all of {', '.join(facts.unread)}: these may not be read")

    async def after(self, reader: ClusterReader, state: RunState) -> MeshSnapshot | None:
        """Once the run is done or rolled back. A run that went well does not fail for want of it: why there is none is told.

        Returns: the mesh as it was read for that; None where there is no backup.
        """
        when = _AT_THE_END.get(state)
        if when is None:
            return None
        try:
            path, backup = await self._take(reader, when)
        except ResailError as error:
            self._progress(f"the mesh as it is now is not backed up: {error}")
            return None
        self._progress(f"the mesh as it is now is in {path}")
        return backup.snapshot

    async def _take(self, reader: ClusterReader, when: BackupTime) -> tuple[Path, Backup]:
        recipients = read_site(self._config).backup.recipients
        backup = await gather(reader, self._istio_namespace, secrets=bool(recipients), progress=lambda _: None)
        path = self._state.new_backup(self._run, when, encrypted=bool(recipients))
        # Beside the loop, which renews the lease meanwhile.
        await asyncio.to_thread(write_backup, path, backup, recipients)
        return path, backup
