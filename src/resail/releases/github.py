"""A release from the archives that Istio publishes on GitHub, or from a mirror that has them at the same paths."""

import os
import tempfile
from pathlib import Path

from resail.models.identity import IstioVersion
from resail.releases.archive import ArchiveSource
from resail.releases.checksum import compare_checksum
from resail.releases.download import Downloader
from resail.releases.interface import Progress

__all__ = ["GitHubSource", "github_address"]

_VARIABLE = "RESAIL_GITHUB"
_DEFAULT = "https://github.com"
_PLATFORM = "linux-amd64"
"""All platforms' archives have the same charts, and this one is there for every release."""


def github_address() -> str:
    """``$RESAIL_GITHUB`` where it is set: a mirror for sites that reach no GitHub."""
    return (os.environ.get(_VARIABLE) or _DEFAULT).rstrip("/")


class GitHubSource:
    """Downloads ``istio-VERSION-linux-amd64.tar.gz`` with its ``.sha256``, and keeps the charts.

    The checksum comes from the same place as the archive: it shows that the archive has come whole, not who made it.
    """

    def __init__(self, address: str, downloader: Downloader | None = None) -> None:
        """``address``: ``https://github.com``, without a slash at its end."""
        self._address = address
        self._downloader = downloader or Downloader()

    @property
    def name(self) -> str:
        return f"release archive of {self._address}"

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """As ``ReleaseSource.fetch``."""
        with tempfile.TemporaryDirectory(prefix="resail-download-") as folder:
            archive = self.download(version, _PLATFORM, Path(folder), progress)
            ArchiveSource(archive, self.name).fetch(version, destination, progress)

    def download(self, version: IstioVersion, platform: str, folder: Path, progress: Progress) -> Path:
        """Put the release's whole archive for a platform into ``folder``, its checksum compared.

        Raises:
            ArtifactError: there is no such release, or it cannot be had whole.
        """
        file = folder / f"istio-{version}-{platform}.tar.gz"
        checksum = file.with_name(f"{file.name}.sha256")
        url = f"{self._address}/istio/istio/releases/download/{version}/{file.name}"
        with self._downloader.open() as web:
            progress(f"fetching {url}")
            # The small file first: where there is no such release, or no way there, that is known at once.
            web.save(f"{url}.sha256", checksum, progress)
            compare_checksum(web.save(url, file, progress), checksum, url)
        return file
