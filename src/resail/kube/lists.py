"""Lists, page by page, decoded straight from the bytes into what the caller wants of each object."""

from typing import Any, TypeVar

import msgspec

from resail.errors import WatchExpiredError
from resail.kube.errors import unreadable
from resail.kube.http import Api
from resail.models.identity import KindRef

__all__ = ["list_whole"]

T = TypeVar("T")

_PAGE = "500"
_ATTEMPTS = 3
"""How often a list is begun anew when its pages expire under it."""

_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}
"""One for each shape: making one costs more than decoding a page."""


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    token: str = msgspec.field(default="", name="continue")


async def list_whole(api: Api, path: str, kind: KindRef, shape: type[T], labels: str) -> tuple[list[T], str]:
    """All objects, and the list's resourceVersion.

    Raises:
        WatchExpiredError: the pages expired again and again before the last one was read.
        ApiFailingError: an answer does not decode as ``shape``.
    """
    for attempt in range(_ATTEMPTS):
        found: list[T] = []
        token = ""
        try:
            while True:
                page, token, version = await _page(api, path, kind, shape, labels, token)
                found += page
                if not token:
                    return found, version
        except WatchExpiredError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


async def _page(api: Api, path: str, kind: KindRef, shape: type[T], labels: str, token: str) -> tuple[list[T], str, str]:
    """One page: the objects, the token of the next page (empty: this was the last) and the list's version."""
    params = {"limit": _PAGE}
    if labels:
        params["labelSelector"] = labels
    if token:
        params["continue"] = token
    body = await api.request("GET", path, what=f"list {kind.kind}", params=params)
    try:
        page = _decoder(shape).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise unreadable(error, f"list {kind.kind}") from error
    return page.items or [], page.metadata.token, page.metadata.resource_version


def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    decoder = _DECODERS.get(shape)
    if decoder is None:
        fields: list[tuple[str, Any, Any]] = [
            ("items", list[shape] | None, None),
            ("metadata", _Metadata, msgspec.field(default_factory=_Metadata)),
        ]
        decoder = _DECODERS[shape] = msgspec.json.Decoder(msgspec.defstruct("Page", fields))
    return decoder
