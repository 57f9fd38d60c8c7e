"""``resail releases``: what is known of Istio's releases, where their files are, and how they get to where no network is."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from resail.models.encoding import digest_bytes
from resail.models.identity import IstioVersion
from resail.models.release import CatalogueLine, Release
from resail.releases.archive import ArchiveSource
from resail.releases.bundle import BundleSource, is_bundle, write_bundle
from resail.releases.catalogue import find_line, load_catalogue
from resail.releases.directory import DirectorySource
from resail.releases.store import default_store

__all__ = ["BundleFacts", "ReleaseFacts", "add_releases", "bundle_releases", "list_releases", "show_release"]


class ReleaseFacts(msgspec.Struct, frozen=True):
    """One release on this machine, with what is known of its line."""

    release: Release
    line: CatalogueLine | None
    """None where the catalogue does not know the line."""


class BundleFacts(msgspec.Struct, frozen=True):
    """A bundle that was written."""

    path: str
    digest: str
    """Of the file's bytes, as ``sha256sum`` has it."""
    size: int
    """Bytes."""
    releases: tuple[Release, ...]


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


def add_releases(path: Path, progress: Callable[[str], None] = lambda _: None) -> tuple[Release, ...]:
    """Keep on this machine what a bundle, a release archive of Istio, or a directory with unpacked ones has.

    Raises:
        ArtifactError: it is not there, damaged or none of these. Of a damaged bundle or archive nothing is kept.
    """
    source = _source_of(path)
    store = default_store()
    return tuple(store.add(source, version, progress) for version in source.versions())


def bundle_releases(
    versions: Sequence[str], out: Path, directories: Sequence[Path] = (), progress: Callable[[str], None] = lambda _: None
) -> BundleFacts:
    """Get the releases where they are not here yet, and write one file with all of them.

    Raises:
        UsageError: one is not a version.
        ArtifactError: no source has one, or the file cannot be written.
    """
    wanted = sorted({IstioVersion.parse(version) for version in versions})
    store = default_store(directories)
    releases = tuple(store.get(version, progress) for version in wanted)
    data = write_bundle(out, releases)
    return BundleFacts(str(out), digest_bytes(data), len(data), releases)


def _source_of(path: Path) -> BundleSource | ArchiveSource | DirectorySource:
    if path.is_dir():
        return DirectorySource(path)
    if is_bundle(path):
        return BundleSource(path)
    return ArchiveSource(path)
