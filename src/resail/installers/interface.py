"""What the engine and the operations ask of an installer."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from resail.models.identity import Manifest
from resail.models.plan import FieldOwnerConflict, HelmChange

__all__ = ["Installation", "Installer", "IstioctlInstaller", "ReleaseState"]


class ReleaseState(msgspec.Struct, frozen=True):
    """The latest revision of a release, as the cluster has it."""

    release: str
    """``namespace/name``"""
    revision: int
    status: str
    """``deployed``, ``failed``, ``pending-install``, ``pending-upgrade``, ``pending-rollback`` …"""
    chart_version: str
    manifest_digest: str
    """``digest_of`` its manifest's objects, sorted by reference: the same as ``ReleaseIs.manifest_digest``."""
    run: str
    """The resail run that wrote this revision (a label of the release); empty where none did."""


class Installer(Protocol):
    """Install, upgrade, roll back and remove releases. Every method is safe to repeat after a crash.

    All raise InstallerError with the installer's own words, and ClusterUnreachableError where the API is not there.
    """

    async def state(self, release: str) -> ReleaseState | None:
        """The latest revision; None where there is no such release."""
        ...

    async def conflicts(self, release: str, objects: Sequence[Manifest]) -> tuple[FieldOwnerConflict, ...]:
        """Field-ownership conflicts that applying the rendered objects would meet, by a server-side dry run."""
        ...

    async def apply(self, change: HelmChange, objects: Sequence[Manifest], charts: Path, *, run: str) -> ReleaseState:
        """Install or upgrade, as ``change.action`` says; forces exactly ``change.forced``.

        Args:
            change: what the plan says.
            objects: what the plan says that the chart renders.
            charts: the release's folder with the charts.
            run: marks the revision that is written.

        Raises:
            ApiConflictError: the dry run shows conflicts that the plan does not list; nothing was written.
        """
        ...

    async def rollback(
        self, release: str, to_revision: int, *, run: str, forced: Sequence[FieldOwnerConflict] = ()
    ) -> ReleaseState:
        """Roll back to a revision of the history (a new revision with the old content).

        Args:
            release: ``namespace/name``.
            to_revision: of the history.
            run: marks the revision that is written.
            forced: fields that the release may take from their owners, since it did so before; istiod's own, it always may.

        Raises:
            ApiConflictError: other fields belong to others; nothing was written.
        """
        ...

    async def uninstall(self, release: str, *, keep_history: bool = False) -> None:
        """Remove the release, its objects and its history; nothing where it is gone already.

        With ``keep_history`` it stays as ``uninstalled``, and ``rollback`` brings it back.

        What the chart annotates with ``helm.sh/resource-policy: keep`` stays, as Istio's CRDs are (but that of WorkloadGroup).
        """
        ...

    async def recover(self, release: str, *, run: str, unfinished: bool) -> bool:
        """Clear what ``run`` itself left half written when it was killed or failed; True where there was something.

        Args:
            release: ``namespace/name``.
            run: the run that would be resumed.
            unfinished: its journal has an action on this release that began and did not end.

        Raises:
            HaltedError: the pending revision is someone else's; it is not touched.
        """
        ...

    async def manifest(self, release: str, revision: int = 0) -> tuple[Manifest, ...]:
        """The stored manifest's objects of a revision (0: the latest), sorted by reference."""
        ...


class Installation(msgspec.Struct, frozen=True):
    """One ``istioctl install``."""

    version: str
    """Of the istioctl."""
    configuration: dict[str, Any]
    """The whole IstioOperator."""
    objects: tuple[Manifest, ...]
    """What the plan says that it renders, marked as istioctl marks what it applies."""
    timeout: int
    """Seconds that each component may take to get ready."""


class IstioctlInstaller(Protocol):
    """istioctl. Every method is safe to repeat after a crash, and completes what was cut short.

    All raise InstallerError with istioctl's own words, and ArtifactError where that version's istioctl is not to be had.
    """

    async def prepare(self, versions: Iterable[str], directories: Sequence[Path], progress: Callable[[str], None]) -> None:
        """Have these versions' istioctls before the first write of a run.

        Args:
            versions: all that a run may need, to undo too.
            directories: of the user's, looked at first.
            progress: is told what goes on.
        """
        ...

    async def install(self, wanted: Installation, tell: Callable[[str], None]) -> None:
        """Apply the objects component by component, then delete what the same version left of others.

        Args:
            wanted: what is to be installed.
            tell: is given a line of what goes on now.

        Raises:
            StalePlanError: it would render something else than the plan shows; nothing was written.
        """
        ...

    async def uninstall(self, version: str, revision: str, tell: Callable[[str], None]) -> None:
        """Remove a revision; nothing where istioctl no longer knows it.

        Args:
            version: of the istioctl.
            revision: the revision, ``1-26-0``.
            tell: is given a line of what goes on now.
        """
        ...
