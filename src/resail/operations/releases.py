"""``resail releases``: what is known of Istio's releases, where their files are, and how they get to where no network is."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from resail.checks.notes import notes_on_the_way
from resail.errors import ArtifactError, UsageError
from resail.models.encoding import digest_bytes
from resail.models.identity import IstioVersion
from resail.models.release import CatalogueLine, Release
from resail.models.release_facts import ReleaseFacts
from resail.releases.archive import ArchiveSource
from resail.releases.bundle import BundleSource, is_bundle, write_bundle
from resail.releases.catalogue import find_line, load_catalogue
from resail.releases.difference import ReleaseDifference, difference
from resail.releases.directory import DirectorySource
from resail.releases.facts import facts_on_the_way, keep_facts, load_facts, older_notes, older_values
from resail.releases.learning.learn import learn, version_of
from resail.releases.store import default_store

__all__ = [
    "BundleFacts",
    "Learned",
    "ShownRelease",
    "add_releases",
    "bundle_releases",
    "diff_releases",
    "learn_release",
    "list_releases",
    "show_release",
]


class ShownRelease(msgspec.Struct, frozen=True):
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


class Learned(msgspec.Struct, frozen=True):
    """What a release's files told."""

    path: str
    """Of the file that keeps it."""
    facts: ReleaseFacts


def list_releases() -> tuple[CatalogueLine, ...]:
    """All lines that the catalogue knows, oldest first."""
    return load_catalogue()


def show_release(
    version: str, directories: Sequence[Path] = (), progress: Callable[[str], None] = lambda _: None
) -> ShownRelease:
    """Get a release, check it, and tell what is known of it.

    Raises:
        UsageError: it is not a version.
        ArtifactError: no source has it.
    """
    parsed = IstioVersion.parse(version)
    release = default_store(directories).get(parsed, progress)
    return ShownRelease(release, find_line(parsed.line))


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


def learn_release(directory: Path) -> Learned:
    """Derive the facts of a release from its files, and keep them on this machine.

    Args:
        directory: an unpacked release archive, a source tree, or what `show_release` names.

    Raises:
        ArtifactError: it holds no charts or no version, they are damaged, or the facts cannot be written.
    """
    version = version_of(directory)
    facts = learn(directory, version, older_notes(version), older_values(version))
    return Learned(str(keep_facts(facts)), facts)


def diff_releases(old: str, new: str) -> ReleaseDifference:
    """What is other in one release than in another, as far as facts are known: those of the nearest version of its line.

    Args:
        old: ``1.26.0``, or a line, ``1.26``.
        new: as ``old``; not an older one.

    Raises:
        UsageError: one is no version, or ``new`` is the older one.
        ArtifactError: of one of them nothing is known.
    """
    first, last = _full(old), _full(new)
    if last < first:
        raise UsageError(f"{new} is older than {old}", next_step=f"`resail releases diff {new} {old}`")
    facts = _known(old), _known(new)
    notes = notes_on_the_way(first, last, facts_on_the_way(first, last))
    supported = [line.kubernetes if line else () for line in map(find_line, (first.line, last.line))]
    return difference(*facts, (supported[0], supported[1]), notes)


def _full(text: str) -> IstioVersion:
    return IstioVersion.parse(f"{text}.0" if text.count(".") == 1 else text)


def _known(version: str) -> ReleaseFacts:
    facts = load_facts(version.removeprefix("v"))
    if facts is None:
        raise ArtifactError(
            f"nothing is known of Istio {version}",
            on=version,
            next_step="`resail releases list` shows the known ones; `resail releases learn` takes another one's files",
        )
    return facts


def _source_of(path: Path) -> BundleSource | ArchiveSource | DirectorySource:
    if path.is_dir():
        return DirectorySource(path)
    if is_bundle(path):
        return BundleSource(path)
    return ArchiveSource(path)
