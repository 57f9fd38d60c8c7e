"""What every object of an answer must be before anything is made of it."""

from typing import Any

import msgspec

from resail.kube.errors import unreadable
from resail.models.identity import Manifest

__all__ = ["checked", "decoded"]


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata


def decoded(body: bytes, what: str) -> Manifest:
    """The object of an answer's body.

    Raises:
        ApiFailingError: it is none.
    """
    try:
        return checked(msgspec.json.decode(body, type=dict[str, Any]), what)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise unreadable(error, what) from error


def checked(manifest: Manifest, what: str) -> Manifest:
    """The same object, once it is seen that its metadata is what metadata must be.

    Raises:
        ApiFailingError: it is not.
    """
    try:
        msgspec.convert(manifest, _Object)
    except msgspec.ValidationError as error:
        raise unreadable(error, what) from error
    return manifest
