"""How long Helm takes on a real API server: a twin's installer writes at once what takes Helm seconds.

The figures are those of the test bed with the demo mesh (Kubernetes 1.31, Helm 4, two cores), told from the steps' times there:
the base chart took 4 s on the machine at rest, and 7 to 8 s with four other programs at work; those of istiod, the CNI and the
gateway took 1 to 1.5 s more than on a twin that did not wait.
"""

from collections.abc import Sequence
from pathlib import Path

from resail.cluster import Clock
from resail.installers.interface import Installer, ReleaseState
from resail.models.identity import Manifest
from resail.models.plan import FieldOwnerConflict, HelmChange

__all__ = ["PacedInstaller"]

_ACTION = 1.0
"""Seconds of any action: Helm loads and renders the chart, asks for the API's discovery, and keeps its records."""

_DEFINITION = 0.4
"""Seconds more for each CustomResourceDefinition: those of Istio have some 30 KB each, which are dry run and applied, and each
makes the API server build its schemas anew."""


class PacedInstaller:
    """Implements ``Installer`` over one that takes no time; the docstrings are there."""

    def __init__(self, installer: Installer, clock: Clock) -> None:
        self._installer = installer
        self._clock = clock

    async def state(self, release: str) -> ReleaseState | None:
        return await self._installer.state(release)

    async def conflicts(self, release: str, objects: Sequence[Manifest]) -> tuple[FieldOwnerConflict, ...]:
        return await self._installer.conflicts(release, objects)

    async def apply(self, change: HelmChange, objects: Sequence[Manifest], charts: Path, *, run: str) -> ReleaseState:
        await self._clock.sleep(_seconds(objects))
        return await self._installer.apply(change, objects, charts, run=run)

    async def rollback(
        self, release: str, to_revision: int, *, run: str, forced: Sequence[FieldOwnerConflict] = ()
    ) -> ReleaseState:
        await self._clock.sleep(_seconds(await self._installer.manifest(release, to_revision)))
        return await self._installer.rollback(release, to_revision, run=run, forced=forced)

    async def uninstall(self, release: str, *, keep_history: bool = False) -> None:
        await self._clock.sleep(_ACTION)
        await self._installer.uninstall(release, keep_history=keep_history)

    async def recover(self, release: str, *, run: str, unfinished: bool) -> bool:
        return await self._installer.recover(release, run=run, unfinished=unfinished)

    async def manifest(self, release: str, revision: int = 0) -> tuple[Manifest, ...]:
        return await self._installer.manifest(release, revision)


def _seconds(objects: Sequence[Manifest]) -> float:
    definitions = [manifest for manifest in objects if manifest["kind"] == "CustomResourceDefinition"]
    return _ACTION + _DEFINITION * len(definitions)
