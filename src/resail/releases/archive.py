"""A release from one of Istio's own archives, ``istio-VERSION-PLATFORM.tar.gz``; and how a tar archive is unpacked with care."""

import gzip
import hashlib
import io
import shutil
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.checksum import compare_checksum
from resail.releases.directory import DirectorySource
from resail.releases.interface import Progress

__all__ = ["ArchiveSource", "unpack"]

_LARGEST = 1024 * 1024 * 1024
"""Bytes that an archive of Istio may unpack to; one of 1.27 has some 150 MB, most of it istioctl."""
_MOST_FILES = 20_000
"""Files that are kept of an archive; the charts of a release have some two hundred."""
_CHUNK = 1024 * 1024
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)

# What tarfile and what it reads from raise for bytes that are no archive.
_DAMAGED = (tarfile.TarError, EOFError, ValueError, OverflowError, IndexError, zlib.error, gzip.BadGzipFile, struct.error)


class ArchiveSource:
    """Only the charts are unpacked: the archive also has istioctl and samples."""

    def __init__(self, path: Path, name: str = "") -> None:
        """``name`` is the source's, where it is not just a file of the user's."""
        self._path = path
        self._name = name or f"archive {path}"

    @property
    def name(self) -> str:
        return self._name

    def versions(self) -> tuple[IstioVersion, ...]:
        """The one that it is of.

        Raises:
            ArtifactError: it is not there, damaged, or no release archive.
        """
        with self._unpacked() as folder:
            return folder.versions()

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """As ``ReleaseSource.fetch``."""
        with self._unpacked() as folder:
            folder.fetch(version, destination, progress)

    @contextmanager
    def _unpacked(self) -> Iterator[DirectorySource]:
        with tempfile.TemporaryDirectory(prefix="resail-archive-") as folder:
            try:
                self._compare_checksum()
                with gzip.open(self._path) as stream:
                    unpack(stream, Path(folder), _is_chart, _LARGEST, str(self._path))
            except OSError as error:
                raise ArtifactError(
                    f"cannot be unpacked: {error.strerror}", on=str(self._path), next_step="see that it is there, and room for it"
                ) from error
            yield DirectorySource(Path(folder), self._name)

    def _compare_checksum(self) -> None:
        beside = self._path.with_name(f"{self._path.name}.sha256")
        if not beside.exists():
            return
        with self._path.open("rb") as file:
            compare_checksum(hashlib.file_digest(file, "sha256").hexdigest(), beside, str(self._path))


def unpack(stream: io.BufferedIOBase, into: Path, keep: Callable[[PurePosixPath], bool], largest: int, on: str) -> None:
    """Write the files of a tar archive that ``keep`` wants below the empty directory ``into``, and read ``stream`` to its end.

    Only the bytes of regular files are taken, under names that are checked here: nothing of a member's modes, owners, times or
    links has an effect. That is stricter than tarfile's own filters, which not every Python 3.11 has.

    Args:
        largest: bytes that the whole may have, the archive's own headers included.
        on: the file, for messages.

    Raises:
        ArtifactError: it is damaged, too large, a name leads out of it, or what is wanted is a link or a device.
        OSError: it cannot be read, or ``into`` not be written to.
    """
    bounded = _Bounded(stream, largest, on)
    files = 0
    try:
        with tarfile.open(fileobj=bounded, mode="r|") as archive:
            for member in archive:
                name = _checked_name(member.name, on)
                if member.isdir() or not keep(name):
                    continue
                if member.type not in _REGULAR:
                    raise _hostile(on, f"{member.name} is no file but a link or a device")
                files += 1
                if files > _MOST_FILES:
                    raise _hostile(on, f"it has more than {_MOST_FILES} files")
                bounded.expect(member.size)
                content = archive.extractfile(member)
                assert content is not None  # it is a regular file
                target = into / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    shutil.copyfileobj(content, file)
        # The checksum of gzip stands behind the last byte, and is looked at when that has been read.
        while bounded.read(_CHUNK):
            pass
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _hostile(on, "a name is in it twice, or as a file and as a folder") from error
    except _DAMAGED as error:
        raise ArtifactError(
            f"it is damaged or cut short, or no archive ({error})", on=on, next_step="get or copy it again"
        ) from error


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than it may: a small file can unpack to any size."""

    def __init__(self, stream: io.BufferedIOBase, largest: int, on: str) -> None:
        super().__init__()
        self._stream = stream
        self._left = largest
        self._on = on

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        self.expect(0)
        return data

    def expect(self, size: int) -> None:
        """Refuse now if so many bytes more would be too many."""
        if size > self._left:
            raise _hostile(self._on, "it unpacks to more than a release can have")


def _is_chart(name: PurePosixPath) -> bool:
    return len(name.parts) > 3 and name.parts[0].startswith("istio-") and name.parts[1:3] == ("manifests", "charts")


def _checked_name(name: str, on: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        raise _hostile(on, f"the name {name!r} leads out of it")
    return path


def _hostile(on: str, what: str) -> ArtifactError:
    return ArtifactError(f"the archive is refused: {what}", on=on, next_step="do not use it; get it from where it was made")
