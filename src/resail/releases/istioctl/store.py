"""istioctls on this machine: on PATH, or fetched once and checked at each use."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.interface import Progress
from resail.releases.istioctl.check import check_istioctl, version_of
from resail.releases.istioctl.interface import Istioctl, IstioctlSource

__all__ = ["IstioctlStore"]

_PROGRAM = "istioctl"
"""Also the field manager of what it updates, so it has no other name in the cache."""
_DIGEST = "DIGEST"
_SOURCE = "SOURCE"


class IstioctlStore:
    """PATH, then what is kept in ``cache``, then the sources in order; what they give is kept."""

    def __init__(self, sources: Sequence[IstioctlSource], cache: Path) -> None:
        self._sources = sources
        self._cache = cache

    def get(self, version: IstioVersion, progress: Progress) -> Istioctl:
        """The program, which has said that it is of this version.

        Raises:
            ArtifactError: no source has it; the message names each that was tried, in order, and why it failed.
        """
        reasons: list[str] = []
        found = _on_path(version, reasons)
        if found is not None:
            return found
        kept = self._cache / str(version)
        # Whoever else wants it now waits, and finds it here.
        with _locked(kept):
            found = _kept(kept, version, reasons)
            if found is not None:
                return found
            for source in self._sources:
                try:
                    return self._fetch(source, version, kept, progress)
                except ArtifactError as error:
                    progress(f"not from the {source.name}: {error}")
                    reasons.append(f"{source.name}: {error} ({error.next_step})")
        raise ArtifactError(
            f"it could not be had: {'; '.join(reasons)}",
            on=f"istioctl {version}",
            next_step="put it on PATH, or give a directory with Istio's archive by --release-dir",
        )

    def _fetch(self, source: IstioctlSource, version: IstioVersion, kept: Path, progress: Progress) -> Istioctl:
        partial = kept.with_name(f".{version}.{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            source.fetch(version, partial / _PROGRAM, progress)
            (partial / _PROGRAM).chmod(0o755)
            check_istioctl(partial / _PROGRAM, version)
            (partial / _DIGEST).write_text(_digest(partial / _PROGRAM))
            (partial / _SOURCE).write_text(source.name)
            shutil.rmtree(kept, ignore_errors=True)
            partial.rename(kept)
        except OSError as error:
            raise _not_kept(kept, error) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        found = _kept(kept, version, [])
        if found is None:
            raise ArtifactError("it changed while it was put into the cache", on=str(kept), next_step="run again")
        progress(f"istioctl {version} is here, from the {source.name}")
        return found


@contextmanager
def _locked(kept: Path) -> Iterator[None]:
    """For one thread of one process at a time."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        lock = kept.with_name(f".{kept.name}.lock").open("w")
    except OSError as error:
        raise _not_kept(kept, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _not_kept(kept: Path, error: OSError) -> ArtifactError:
    return ArtifactError(f"it cannot be kept: {error.strerror}", on=str(kept), next_step="see that there is room, and the rights")


def _on_path(version: IstioVersion, reasons: list[str]) -> Istioctl | None:
    program = shutil.which(_PROGRAM)
    if program is None:
        reasons.append("PATH: it has no istioctl")
        return None
    path = Path(program).absolute()
    try:
        found = version_of(path)
    except ArtifactError as error:
        reasons.append(f"PATH: {error}")
        return None
    if found != str(version):
        reasons.append(f"PATH: {path} is istioctl {found}")
        return None
    return Istioctl(str(version), str(path), "PATH", _digest(path))


def _kept(folder: Path, version: IstioVersion, reasons: list[str]) -> Istioctl | None:
    """What the cache has, unless a byte of it has changed."""
    try:
        digest, source = (folder / _DIGEST).read_text(), (folder / _SOURCE).read_text()
        if _digest(folder / _PROGRAM) == digest and os.access(folder / _PROGRAM, os.X_OK):
            return Istioctl(str(version), str(folder / _PROGRAM), source, digest)
    except OSError:
        pass
    reasons.append(f"cache {folder}: {'it is damaged' if folder.exists() else 'it is not there'}")
    return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
