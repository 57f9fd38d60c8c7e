"""Lists, decoded straight from the bytes into what the caller wants of each object."""

import time
from collections.abc import AsyncIterator
from typing import TypeVar

from resail.errors import WatchExpiredError
from resail.kube.http import Api
from resail.kube.pages import Page, reads_protobuf
from resail.models.identity import KindRef

__all__ = ["list_whole"]

T = TypeVar("T")

_PAGE = "500"
_ATTEMPTS = 3
"""How often a list is begun anew when its pages expire under it."""

_JSON = "application/json"
_PROTOBUF = "application/vnd.kubernetes.protobuf,application/json"
"""Whoever does not speak protobuf may answer in JSON."""

_PACE = 10_000_000
"""Bytes a second. An answer that comes in slower is better compressed, and an API server cuts off what takes a minute."""
_PATIENCE = 2.0  # seconds, before the pace is judged


class _TooSlowError(Exception):
    """The list does not come in fast enough to be read at once."""


async def list_whole(
    api: Api, path: str, kind: KindRef, shape: type[T], labels: str, fields: str = "", *, at_once: bool = False
) -> tuple[list[T], str]:
    """All objects, and the list's resourceVersion.

    Args:
        api: where to ask.
        path: of the collection.
        kind: of the objects.
        shape: a msgspec struct, or a dict of all there is.
        labels: a selector.
        fields: a selector.
        at_once: not page by page, where the answer can be decoded as it comes in, and comes in fast. Right for API servers
            since 1.31: such a list they have from their memory, as fresh as from etcd (``ConsistentListFromCache``); pages they
            fetch from etcd, which takes several times as long.

    Raises:
        WatchExpiredError: the pages expired again and again before the last one was read.
        ApiFailingError: an answer does not decode as ``shape``.
    """
    selectors = {"labelSelector": labels, "fieldSelector": fields}
    params = {name: selector for name, selector in selectors.items() if selector}
    if at_once and reads_protobuf(kind, shape):
        try:
            page = await _at_once(api, path, kind, shape, params)
            return page.items, page.version
        except _TooSlowError:
            pass
    for attempt in range(_ATTEMPTS):
        found: list[T] = []
        token = ""
        try:
            while True:
                page = await _one_page(api, path, kind, shape, params, token)
                found += page.items
                token = page.token
                if not token:
                    return found, page.version
        except WatchExpiredError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


async def _at_once(api: Api, path: str, kind: KindRef, shape: type[T], params: dict[str, str]) -> Page[T]:
    async def consume(chunks: AsyncIterator[bytes]) -> Page[T]:
        page = Page(kind, shape)
        async for chunk in _in_pace(chunks):
            page.take(chunk)
        page.close()
        return page

    return await api.read(path, what=f"list {kind.kind}", params=params, accept=_PROTOBUF, consume=consume)


async def _in_pace(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks, while they do not have to be waited for too long; the first is, while the API server writes the list."""
    size, waited = 0, 0.0
    asked = None
    async for chunk in chunks:
        waited += time.monotonic() - asked if asked else 0.0
        size += len(chunk)
        if waited > _PATIENCE and size < _PACE * waited:
            raise _TooSlowError
        yield chunk
        asked = time.monotonic()


async def _one_page(api: Api, path: str, kind: KindRef, shape: type[T], params: dict[str, str], token: str) -> Page[T]:
    paged = params | {"limit": _PAGE} | ({"continue": token} if token else {})
    accept = _PROTOBUF if reads_protobuf(kind, shape) else _JSON
    body = await api.request("GET", path, what=f"list {kind.kind}", params=paged, accept=accept)
    page = Page(kind, shape)
    page.take(body)
    page.close()
    return page
