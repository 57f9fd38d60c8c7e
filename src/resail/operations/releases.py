"""``resail releases``: what is known of Istio's releases, and where their files are."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from resail.models.identity import IstioVersion
from resail.models.release import CatalogueLine, Release
from resail.releases.catalogue import find_line, load_catalogue
from resail.releases.store import default_store

__all__ = ["ReleaseFacts", "list_releases", "show_release"]


class ReleaseFacts(msgspec.Struct, frozen=True):
    """One release on this machine, with what is known of its line."""

    release: Release
    line: CatalogueLine | None
    """None where the catalogue does not know the line."""


def list_releases() -> tuple[CatalogueLine, ...]:
    """All lines that the catalogue knows, oldest first."""
    return load_catalogue()


def show_release(
    version: str, directories: Sequence[Path] = (), progress: Callable[[str], None] = lambda _: None
) -> ReleaseFacts:
    """Get a release, check it, and tell what is known of it.

    Raises:
        UsageError: it is not a version.
        ArtifactError: no source has it.
    """
    parsed = IstioVersion.parse(version)
    release = default_store(directories).get(parsed, progress)
    return ReleaseFacts(release, find_line(parsed.line))
