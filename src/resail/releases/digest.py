"""What makes two releases the same."""

from pathlib import Path

import yaml12

from resail.models.encoding import digest_bytes, digest_of

__all__ = ["directory_digest"]


def directory_digest(directory: Path) -> str:
    """Over the names and contents of all files below a directory; not their times or modes.

    A ``Chart.yaml`` counts by what it says: Istio's release builder writes it anew, with its keys sorted and without comments
    (istio/release-builder, ``stampChartForRelease``), so that its bytes in an archive are not those of the source tree.
    """
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return digest_of([(path.relative_to(directory).as_posix(), _content(path)) for path in files])


def _content(path: Path) -> str:
    data = path.read_bytes()
    if path.name == "Chart.yaml":
        try:
            return digest_of(yaml12.parse_yaml(data.decode()))
        except (ValueError, TypeError):
            pass
    return digest_bytes(data)
