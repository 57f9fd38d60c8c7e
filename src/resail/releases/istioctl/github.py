"""istioctl from the archives that Istio publishes on GitHub, or from a mirror that has them at the same paths."""

import tempfile
from pathlib import Path

from resail.models.identity import IstioVersion
from resail.releases.checksum import compare_checksum
from resail.releases.download import Downloader
from resail.releases.interface import Progress
from resail.releases.istioctl.archive import extract_istioctl
from resail.releases.istioctl.platform import archive_names, this_platform

__all__ = ["GitHubIstioctl"]


class GitHubIstioctl:
    """Downloads ``istioctl-VERSION-OS-ARCH.tar.gz`` with its ``.sha256``.

    The checksum comes from the same place as the archive: it shows that the archive has come whole, not who made it.
    """

    def __init__(self, address: str, downloader: Downloader | None = None, platform: str = "") -> None:
        """``address``: ``https://github.com``, without a slash at its end; ``platform``: as ``this_platform`` gives it."""
        self._address = address
        self._downloader = downloader or Downloader()
        self._platform = platform

    @property
    def name(self) -> str:
        return f"istioctl archive of {self._address}"

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """As ``IstioctlSource.fetch``."""
        file_name, _ = archive_names(str(version), self._platform or this_platform())
        url = f"{self._address}/istio/istio/releases/download/{version}/{file_name}"
        with tempfile.TemporaryDirectory(prefix="resail-download-") as folder, self._downloader.open() as web:
            archive = Path(folder) / file_name
            checksum = archive.with_name(f"{file_name}.sha256")
            progress(f"fetching {url}")
            # The small file first: where there is no such release, or no way there, that is known at once.
            web.save(f"{url}.sha256", checksum, progress)
            compare_checksum(web.save(url, archive, progress), checksum, url)
            extract_istioctl(archive, destination, url)
