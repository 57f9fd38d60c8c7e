"""istioctl from a directory of the user's: archives of Istio with their checksums, or an unpacked release."""

import hashlib
import shutil
from pathlib import Path

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.checksum import compare_checksum
from resail.releases.interface import Progress
from resail.releases.istioctl.archive import extract_istioctl
from resail.releases.istioctl.platform import archive_names, this_platform

__all__ = ["DirectoryIstioctl"]


class DirectoryIstioctl:
    """Looks for Istio's two archives, then in the directory itself and its folders ``istio-VERSION`` and ``VERSION``."""

    def __init__(self, directory: Path, platform: str = "") -> None:
        """``platform``: as ``this_platform`` gives it."""
        self._directory = directory
        self._platform = platform

    @property
    def name(self) -> str:
        return f"directory {self._directory}"

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """As ``IstioctlSource.fetch``; an archive must have its ``.sha256`` beside it."""
        try:
            self._fetch(version, destination, progress)
        except OSError as error:
            raise ArtifactError(
                f"it cannot be read or copied: {error.strerror}", on=self.name, next_step="see the files there, and the room here"
            ) from error

    def _fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        names = archive_names(str(version), self._platform or this_platform())
        for archive in (self._directory / name for name in names):
            if archive.is_file():
                progress(f"unpacking {archive}")
                _compare(archive)
                extract_istioctl(archive, destination, str(archive))
                return
        for root in (self._directory / f"istio-{version}", self._directory / str(version), self._directory):
            program = next((path for path in (root / "bin" / "istioctl", root / "istioctl") if path.is_file()), None)
            if program is not None:
                progress(f"copying {program}")
                shutil.copyfile(program, destination)
                return
        raise ArtifactError(f"it has no istioctl {version}", on=self.name, next_step=f"put {names[0]} there, with its .sha256")


def _compare(archive: Path) -> None:
    beside = archive.with_name(f"{archive.name}.sha256")
    if not beside.is_file():
        raise ArtifactError(f"{beside.name} is not beside it", on=str(archive), next_step="mirror the checksum too")
    with archive.open("rb") as file:
        compare_checksum(hashlib.file_digest(file, "sha256").hexdigest(), beside, str(archive))
