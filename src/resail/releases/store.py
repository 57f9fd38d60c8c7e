"""Releases on this machine: fetched once, checked at each use."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

from resail.errors import ArtifactError
from resail.models.encoding import digest_of
from resail.models.identity import IstioVersion
from resail.models.release import Release
from resail.releases.digest import directory_digest
from resail.releases.directory import DirectorySource
from resail.releases.github import GitHubSource, github_address
from resail.releases.go_module import GoModuleSource
from resail.releases.interface import Progress, ReleaseSource

__all__ = ["ReleaseStore", "default_store"]

_DIGEST = "DIGEST"
_SOURCE = "SOURCE"
_LAYOUT = "v2"
"""Changes when what is kept of a release changes, or how its digest is taken, so that old caches are not read."""


class ReleaseStore:
    """The user's directories, then what is kept in ``cache``, then the sources in order; what they give is kept."""

    def __init__(self, sources: Sequence[ReleaseSource], cache: Path, directories: Sequence[Path] = ()) -> None:
        self._sources = sources
        self._cache = cache
        self._directories = directories

    def get(self, version: IstioVersion, progress: Progress) -> Release:
        """The release's files, whole.

        Raises:
            ArtifactError: no source has it; the message names each that was tried, in order, and why it failed.
        """
        reasons: list[str] = []
        for directory in self._directories:
            # One may hold another build of a version, so what comes from it is kept apart, and read again each time.
            apart = self._cache / "directories" / digest_of(str(directory.resolve()))[7:19]
            release = _try(DirectorySource(directory), version, _place(apart, version), progress, reasons)
            if release is not None:
                return release
        kept = _place(self._cache, version)
        found = _whole(kept, version)
        if found is not None:
            return found
        if kept.exists():
            reasons.append(f"cache {kept}: it is damaged")
        for source in self._sources:
            release = _try(source, version, kept, progress, reasons)
            if release is not None:
                return release
        raise ArtifactError(
            f"it could not be had: {'; '.join(reasons) or 'there are no sources'}",
            on=f"Istio {version}",
            next_step="`resail releases add` takes a bundle or a release archive; `resail releases list` shows what is known",
        )

    def add(self, source: ReleaseSource, version: IstioVersion, progress: Progress) -> Release:
        """Keep the release that ``source`` has, in place of what was kept of that version.

        Raises:
            ArtifactError: it has none, or is damaged; what was kept is as it was.
        """
        return _fetch(source, version, _place(self._cache, version), progress)


def default_store(directories: Sequence[Path] = ()) -> ReleaseStore:
    """The user's directories, the user's cache with what was added to it, Istio's archives on GitHub, then the Go module.

    Who has a network has GitHub, and seldom Go. Where GitHub is not to be reached, one attempt shows it.
    """
    return ReleaseStore([GitHubSource(github_address()), GoModuleSource()], user_cache_path("resail") / "releases", directories)


def _place(cache: Path, version: IstioVersion) -> Path:
    return cache / _LAYOUT / str(version)


def _try(source: ReleaseSource, version: IstioVersion, kept: Path, progress: Progress, reasons: list[str]) -> Release | None:
    try:
        return _fetch(source, version, kept, progress)
    except ArtifactError as error:
        progress(f"not from the {source.name}: {error}")
        reasons.append(f"{source.name}: {error} ({error.next_step})")
        return None


def _fetch(source: ReleaseSource, version: IstioVersion, kept: Path, progress: Progress) -> Release:
    partial = kept.with_name(f".{version}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        source.fetch(version, partial, progress)
        digest = directory_digest(partial / "charts")
        (partial / _DIGEST).write_text(digest)
        (partial / _SOURCE).write_text(source.name)
        found = _whole(kept, version)
        if found is not None and found.digest == digest:
            # A run may be reading the files now.
            (partial / _SOURCE).replace(kept / _SOURCE)
        else:
            shutil.rmtree(kept, ignore_errors=True)
            partial.rename(kept)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    release = _whole(kept, version)
    if release is None:
        raise ArtifactError("it changed while it was put into the cache", on=str(kept), next_step="run again")
    progress(f"Istio {version} is here, from the {source.name}")
    return release


def _whole(kept: Path, version: IstioVersion) -> Release | None:
    try:
        digest = (kept / _DIGEST).read_text()
        source = (kept / _SOURCE).read_text()
    except OSError:
        return None
    if directory_digest(kept / "charts") != digest:
        return None
    return Release(version=version, directory=str(kept), source=source, digest=digest)
