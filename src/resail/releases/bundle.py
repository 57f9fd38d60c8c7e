"""A release from a bundle: one file with the charts of one or several releases, for sites that reach no network.

It is a tar.gz, sealed (``resail.releases.seal``). Its first member, ``bundle.json``, has the SHA-256 of every other one.
"""

import io
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from resail.errors import ArtifactError, UsageError
from resail.models.encoding import decode_json, digest_bytes, pretty_json
from resail.models.identity import IstioVersion
from resail.models.release import Release
from resail.releases.archive import unpack
from resail.releases.digest import directory_digest
from resail.releases.directory import DirectorySource
from resail.releases.interface import Progress
from resail.releases.seal import LONGEST_HEADER, is_sealed, open_seal, seal

__all__ = ["BundleSource", "is_bundle", "write_bundle"]

_FORMAT = 1
_CONTENTS = "bundle.json"
_LARGEST = 256 * 1024 * 1024
"""Bytes of a bundle, packed or unpacked; a release has two megabytes of charts."""


class _Bundled(msgspec.Struct, frozen=True):
    version: str
    digest: str
    """Of the release, as everywhere."""
    files: dict[str, str]
    """Path below ``VERSION/`` → digest of its bytes."""


class _Contents(msgspec.Struct, frozen=True):
    format_version: int
    releases: tuple[_Bundled, ...]


class BundleSource:
    """Every byte is checked before anything of it is used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return f"bundle {self._path}"

    def versions(self) -> tuple[IstioVersion, ...]:
        """All that it holds, oldest first.

        Raises:
            ArtifactError: it is not there, damaged, or of another format.
        """
        with self._unpacked() as folder:
            return folder.versions()

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """As ``ReleaseSource.fetch``."""
        with self._unpacked() as folder:
            folder.fetch(version, destination, progress)

    @contextmanager
    def _unpacked(self) -> Iterator[DirectorySource]:
        with tempfile.TemporaryDirectory(prefix="resail-bundle-") as temporary:
            folder = Path(temporary)
            data = self._read()
            try:
                content = open_seal(data, _LARGEST)
            except ArtifactError as error:
                raise ArtifactError(
                    f"the bundle is damaged: {error.what}", on=str(self._path), next_step=error.next_step
                ) from error
            unpack(io.BytesIO(content), folder, lambda _: True, _LARGEST, str(self._path))
            self._check(folder)
            yield DirectorySource(folder, self.name)

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                return file.read(_LARGEST)
        except OSError as error:
            raise ArtifactError(
                f"cannot be read: {error.strerror}", on=str(self._path), next_step="see that it is there"
            ) from error

    def _check(self, folder: Path) -> None:
        """Exactly the files that the contents name, with their digests: the seal does not say who made it."""
        try:
            contents = decode_json((folder / _CONTENTS).read_bytes(), _Contents, on=f"{self._path} {_CONTENTS}")
        except OSError as error:
            raise self._wrong(f"it has no {_CONTENTS}") from error
        if contents.format_version != _FORMAT:
            raise self._wrong(f"its format is {contents.format_version}, and this resail reads {_FORMAT}")
        named = {f"{one.version}/{path}": digest for one in contents.releases for path, digest in one.files.items()}
        if named != {path: digest for path, digest in _files(folder).items() if path != _CONTENTS}:
            raise self._wrong("its files are not those that it says it has")
        for one in contents.releases:
            if one.digest != directory_digest(folder / _as_written(one.version) / "charts"):
                raise self._wrong(f"Istio {one.version} in it is not what its digest says")

    def _wrong(self, what: str) -> ArtifactError:
        return ArtifactError(what, on=str(self._path), next_step="make the bundle again with `resail releases bundle`")


def is_bundle(path: Path) -> bool:
    """Does the file say that it is a bundle? It may be damaged all the same."""
    try:
        with path.open("rb") as file:
            return is_sealed(file.read(LONGEST_HEADER))
    except OSError:
        return False


def write_bundle(path: Path, releases: Sequence[Release]) -> bytes:
    """Write them to one file, whole or not at all, and return its bytes: the same for the same releases, in whatever order.

    Raises:
        ArtifactError: the place cannot be written to.
    """
    data = seal(_archive({str(one.version): one for one in sorted(releases, key=lambda one: one.version)}))
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        partial.rename(path)
    except OSError as error:
        raise ArtifactError(f"cannot be written: {error.strerror}", on=str(path), next_step="choose another place") from error
    finally:
        partial.unlink(missing_ok=True)
    return data


def _archive(releases: dict[str, Release]) -> bytes:
    bundled: list[_Bundled] = []
    members: dict[str, bytes] = {}
    for version, release in releases.items():
        charts = Path(release.directory) / "charts"
        files = {f"charts/{path}": digest for path, digest in _files(charts).items()}
        members |= {f"{version}/{path}": (charts.parent / path).read_bytes() for path in files}
        bundled.append(_Bundled(version, release.digest, files))
    contents = pretty_json(_Contents(_FORMAT, tuple(bundled)))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in ((_CONTENTS, contents), *members.items()):
            # No time, owner or mode of this machine: the same releases give the same bytes.
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _files(folder: Path) -> dict[str, str]:
    """Path below ``folder`` → digest of its bytes, by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_bytes(path.read_bytes()) for path in files}


def _as_written(version: str) -> str:
    """The version, where it is one: it becomes the name of a folder.

    Raises:
        ArtifactError: it is none, or written in another way than ours.
    """
    try:
        if str(IstioVersion.parse(version)) == version:
            return version
    except UsageError:
        pass
    raise ArtifactError(f"it says that it has a version {version!r}", on="the bundle", next_step="make the bundle again")
