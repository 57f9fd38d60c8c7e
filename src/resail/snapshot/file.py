"""A snapshot as a file: canonical JSON."""

from pathlib import Path

import msgspec

from resail.errors import ArtifactError
from resail.models.encoding import decode_json, pretty_json
from resail.models.snapshot import FORMAT_VERSION, MeshSnapshot

__all__ = ["load_snapshot", "save_snapshot"]


class _Format(msgspec.Struct):
    format_version: int = 0


def load_snapshot(path: Path) -> MeshSnapshot:
    """Read a saved snapshot.

    Raises:
        ArtifactError: no such file, not a snapshot, or of another format.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"the snapshot cannot be read: {error.strerror}", on=str(path), next_step="make one with `resail inspect -o json`"
        ) from error
    version = decode_json(data, _Format, on=str(path)).format_version
    if version != FORMAT_VERSION:
        raise ArtifactError(
            f"its format is {version}, and this resail reads {FORMAT_VERSION}", on=str(path), next_step="capture it again"
        )
    return decode_json(data, MeshSnapshot, on=str(path))


def save_snapshot(path: Path, snapshot: MeshSnapshot) -> None:
    """Write it, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(pretty_json(snapshot))
    partial.rename(path)
