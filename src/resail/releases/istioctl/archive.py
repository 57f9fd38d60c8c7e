"""istioctl out of one of Istio's archives: of istioctl alone, or of a whole release."""

import gzip
import tempfile
from pathlib import Path, PurePosixPath

from resail.errors import ArtifactError
from resail.releases.archive import unpack

__all__ = ["extract_istioctl"]

_LARGEST = 1024 * 1024 * 1024
"""Bytes that an archive may unpack to, as for a release."""


def extract_istioctl(archive: Path, destination: Path, on: str) -> None:
    """Write the program that is in the archive to the file ``destination``.

    Args:
        archive: a tar.gz whose checksum was compared.
        destination: a file below a folder that is there.
        on: where the archive is from, for messages.

    Raises:
        ArtifactError: it is damaged, or has no istioctl.
    """
    with tempfile.TemporaryDirectory(prefix="resail-istioctl-", dir=destination.parent) as folder:
        try:
            with gzip.open(archive) as stream:
                unpack(stream, Path(folder), _is_istioctl, _LARGEST, on)
        except OSError as error:
            raise ArtifactError(
                f"cannot be unpacked: {error.strerror or error}", on=on, next_step="see that there is room, and get it again"
            ) from error
        found = next((path for path in Path(folder).rglob("istioctl") if path.is_file()), None)
        if found is None:
            raise ArtifactError("the archive has no istioctl", on=on, next_step="get the archive of Istio for this platform")
        found.rename(destination)


def _is_istioctl(name: PurePosixPath) -> bool:
    return name.parts == ("istioctl",) or (len(name.parts) == 3 and name.parts[1:] == ("bin", "istioctl"))
