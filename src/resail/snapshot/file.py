"""A snapshot as a file: canonical JSON."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from resail.errors import ArtifactError
from resail.models.encoding import canonical_json, decode_json, pretty_json
from resail.models.identity import Manifest
from resail.models.snapshot import FORMAT_VERSION, MeshSnapshot

__all__ = ["load_snapshot", "save_snapshot"]


class _Format(msgspec.Struct):
    format_version: int = 0


class _Metadata(msgspec.Struct):
    name: str
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Object(msgspec.Struct, rename="camel"):
    """What every object in a snapshot must be, whatever else is in it."""

    api_version: str
    kind: str
    metadata: _Metadata


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
    snapshot = decode_json(data, MeshSnapshot, on=str(path))
    for manifest in _manifests(snapshot):
        decode_json(canonical_json(manifest), _Object, on=str(path))
    return snapshot


def _manifests(snapshot: MeshSnapshot) -> Iterator[Manifest]:
    for release in snapshot.helm_releases:
        yield from release.objects
    for component in snapshot.istioctl_components:
        yield from component.objects
    for tag in snapshot.tags:
        yield tag.manifest
        if tag.validator is not None:
            yield tag.validator


def save_snapshot(path: Path, snapshot: MeshSnapshot) -> None:
    """Write it, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(pretty_json(snapshot))
    partial.rename(path)
