"""The releases that a plan was made of."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from resail.errors import ArtifactError
from resail.models.plan import Hop, InstallBefore, InstallerStep, IstioctlChange, Plan, UninstallRevision
from resail.models.release import Release
from resail.releases.store import ReleaseStore, default_store

__all__ = ["planned_istioctls", "planned_releases"]


async def planned_releases(plan: Plan, directories: Sequence[Path], progress: Callable[[str], None]) -> tuple[Release, ...]:
    """The release of each hop, checked to be the one that the plan was made of.

    Raises:
        ArtifactError: it is another one, or not to be had.
    """
    store = default_store(directories)
    return tuple([await _release(store, hop, progress) for hop in plan.hops])


def planned_istioctls(plan: Plan) -> tuple[str, ...]:
    """The versions of istioctl that the plan's steps are done and undone with, sorted."""
    needed: set[str] = set()
    for step in plan.steps:
        if isinstance(step, InstallerStep) and isinstance(step.change, IstioctlChange):
            needed.add(step.change.to_version)
        if isinstance(step.undo, InstallBefore | UninstallRevision):
            needed.add(step.undo.version)
    return tuple(sorted(needed))


async def _release(store: ReleaseStore, hop: Hop, progress: Callable[[str], None]) -> Release:
    release = await asyncio.to_thread(store.get, hop.to_version, progress)
    if release.digest != hop.release_digest:
        raise ArtifactError(
            f"its files are not those that the plan was made of ({release.digest} instead of "
            f"{hop.release_digest}, from {release.source})",
            on=f"Istio {hop.to_version}",
            next_step="give the same release by --release-dir, or make the plan again",
        )
    return release
