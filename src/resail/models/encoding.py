"""Canonical JSON, and the digests that are taken of it."""

import hashlib
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from resail.errors import ArtifactError
from resail.models.identity import Manifest, ObjectRef

__all__ = ["canonical_json", "decode_json", "digest_bytes", "digest_of", "manifest_digest", "pretty_json"]

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(order="deterministic")


def canonical_json(value: Any) -> bytes:
    """Encode ``value`` with sorted keys and no spaces: the same value gives the same bytes."""
    return _ENCODER.encode(value)


def pretty_json(value: Any) -> bytes:
    """Canonical JSON, indented for people, with a final newline."""
    return msgspec.json.format(canonical_json(value), indent=2) + b"\n"


def digest_bytes(data: bytes) -> str:
    """``sha256:<64 hex digits>`` of ``data``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of(value: Any) -> str:
    """The digest of the canonical JSON of ``value``."""
    return digest_bytes(canonical_json(value))


def manifest_digest(objects: Iterable[Manifest]) -> str:
    """The digest of a rendered manifest: over its objects in the order of their references."""
    return digest_of(sorted(objects, key=ObjectRef.of))


def decode_json(data: bytes, kind: type[T], *, on: str) -> T:
    """Decode strictly.

    Raises:
        ArtifactError: the bytes are not JSON, or not of this shape; ``on`` names the file.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(
            f"cannot be read as a {kind.__name__}: {error}",
            on=on,
            next_step="the file is damaged or was written by another version of resail; make it again",
        ) from error
