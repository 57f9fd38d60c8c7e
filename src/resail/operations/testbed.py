"""``resail testbed``: build, start and stop control planes on this machine."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from resail.errors import UsageError
from resail.testbed.bed import Bed, Istiod
from resail.testbed.binaries import cached, ensure
from resail.testbed.tools import TOOLS

__all__ = ["BedStatus", "Programs", "build", "down", "status", "up"]

Progress = Callable[[str], None]


class Programs(msgspec.Struct, frozen=True):
    """The programs of the bed."""

    paths: dict[str, Path | None]
    """Name → where it is; None where it is yet to be built."""


class BedStatus(msgspec.Struct, frozen=True):
    """One bed."""

    directory: Path
    up: bool
    kubeconfig: Path
    programs: dict[str, bool]
    """Name → alive."""
    istiods: tuple[Istiod, ...]


def build(progress: Progress) -> Programs:
    """Build what is missing; takes some 25 minutes on a machine that has nothing yet.

    Raises:
        ArtifactError: Go is missing, or a build failed.
    """
    ensure(TOOLS, progress)
    return Programs({name: cached(name) for name in TOOLS})


def up(directory: Path | None, progress: Progress) -> BedStatus:
    """Start a new, empty bed.

    Raises:
        UsageError: the directory holds something else.
        ArtifactError: a program is missing and cannot be built.
    """
    place = _place(directory)
    if place.exists() and any(place.iterdir()) and not (place / "ports.json").exists():
        raise UsageError("the directory holds something that is no test bed", on=str(place), next_step="give another --dir")
    Bed.start(place, progress)
    return status(place)


def down(directory: Path | None) -> BedStatus:
    """Stop a bed; its files stay."""
    place = _place(directory)
    Bed(place).stop()
    return status(place)


def status(directory: Path | None) -> BedStatus:
    """How a bed stands."""
    bed = Bed(_place(directory))
    istiods = tuple(bed.istiods()) if bed.up else ()
    return BedStatus(bed.layout.root, bed.up, bed.kubeconfig, bed.programs, istiods)


def _place(directory: Path | None) -> Path:
    if directory is not None:
        return directory.absolute()
    from platformdirs import user_state_path

    return user_state_path("resail") / "testbed"
