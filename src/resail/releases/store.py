"""Releases on this machine: fetched once, checked at each use."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

from resail.errors import ArtifactError
from resail.models.encoding import digest_bytes, digest_of
from resail.models.identity import IstioVersion
from resail.models.release import Release
from resail.releases.directory import DirectorySource
from resail.releases.go_module import GoModuleSource
from resail.releases.interface import Progress, ReleaseSource

__all__ = ["ReleaseStore", "default_store", "directory_digest"]

_DIGEST = "DIGEST"
_SOURCE = "SOURCE"
_LAYOUT = "v1"
"""Changes when what is kept of a release changes, so that old caches are not read."""


class ReleaseStore:
    """Tries its sources in order, and keeps what they gave in ``cache``."""

    def __init__(self, sources: Sequence[ReleaseSource], cache: Path) -> None:
        self._sources = sources
        self._cache = cache

    def get(self, version: IstioVersion, progress: Progress) -> Release:
        """The release's files, from the cache where they are whole, else from the first source that has them.

        Raises:
            ArtifactError: no source has it; the message names each, and why it failed.
        """
        kept = self._cache / _LAYOUT / str(version)
        found = _whole(kept, version)
        if found is not None:
            return found
        reasons: list[str] = []
        for source in self._sources:
            try:
                return self._fetch(source, version, kept, progress)
            except ArtifactError as error:
                reasons.append(f"{source.name}: {error} ({error.next_step})")
        tried = "; ".join(reasons) or "there are no sources"
        raise ArtifactError(
            f"it could not be had: {tried}",
            on=f"Istio {version}",
            next_step="give an unpacked release archive by --release-dir, or see `resail releases list`",
        )

    def _fetch(self, source: ReleaseSource, version: IstioVersion, kept: Path, progress: Progress) -> Release:
        partial = kept.with_name(f".{version}.{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            source.fetch(version, partial, progress)
            (partial / _DIGEST).write_text(directory_digest(partial / "charts"))
            (partial / _SOURCE).write_text(source.name)
            if kept.exists():
                shutil.rmtree(kept)
            partial.rename(kept)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        release = _whole(kept, version)
        if release is None:
            raise ArtifactError("it changed while it was put into the cache", on=str(kept), next_step="run again")
        progress(f"Istio {version} is here, from {source.name}")
        return release


def default_store(directories: Sequence[Path] = ()) -> ReleaseStore:
    """The user's directories first, then the Go module.

    What comes from a user's directory is kept apart, since one may hold another build of a version.
    """
    sources: list[ReleaseSource] = [*(DirectorySource(directory) for directory in directories)]
    cache = user_cache_path("resail") / "releases"
    if directories:
        cache = cache / digest_of([str(directory.resolve()) for directory in directories])[7:19]
    return ReleaseStore([*sources, GoModuleSource()], cache)


def directory_digest(directory: Path) -> str:
    """Over the names and contents of all files below a directory; not their times or modes."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return digest_of([(path.relative_to(directory).as_posix(), digest_bytes(path.read_bytes())) for path in files])


def _whole(kept: Path, version: IstioVersion) -> Release | None:
    try:
        digest = (kept / _DIGEST).read_text()
        source = (kept / _SOURCE).read_text()
    except OSError:
        return None
    if directory_digest(kept / "charts") != digest:
        return None
    return Release(version=version, directory=str(kept), source=source, digest=digest)
