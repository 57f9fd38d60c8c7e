"""One answer to a list → the shapes of its objects, in whichever encoding it comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Generic, TypeVar, cast

import msgspec
from google.protobuf.message import DecodeError

from resail.kube.errors import unreadable
from resail.kube.protobuf.envelope import MAGIC, Envelope
from resail.kube.protobuf.messages import message_of, named
from resail.kube.protobuf.shaping import shaper
from resail.models.identity import KindRef

__all__ = ["Page", "reads_protobuf"]

T = TypeVar("T")


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    token: str = msgspec.field(default="", name="continue")


def reads_protobuf(kind: KindRef, shape: Any) -> bool:
    """May the API answer in protobuf? Not where a shape asks for more than is declared. JSON is read in any case."""
    return _is_declared(kind, shape)


@cache
def _is_declared(kind: KindRef, shape: Any) -> bool:
    message = message_of(kind)
    if message is None or not (isinstance(shape, type) and issubclass(shape, msgspec.Struct)):
        return False
    try:
        shaper(shape, message)
    except TypeError:
        return False
    return True


class Page(Generic[T]):
    """An answer, read as it comes in."""

    def __init__(self, kind: KindRef, shape: type[T]) -> None:
        self.items: list[T] = []
        self.token = ""
        """Of the next page; empty: this was the last."""
        self.version = ""
        """The list's resourceVersion."""
        self._kind = kind
        self._shape = shape
        self._body: list[bytes] = []
        """What came in, where it is JSON or not yet known."""
        self._undecided = reads_protobuf(kind, shape)
        """Nothing has come that tells the encoding."""
        self._envelope: Envelope | None = None

    def take(self, chunk: bytes) -> None:
        """The next bytes.

        Raises:
            ApiFailingError: they are no list, or an object in it does not fit the shape.
        """
        with self._explained():
            if self._envelope is None:
                self._body.append(chunk)
                if not self._undecided or sum(map(len, self._body)) < len(MAGIC):
                    return
                self._undecided = False
                chunk = b"".join(self._body)
                if not chunk.startswith(MAGIC):
                    return
                self._body, self._envelope = [], Envelope()
            message = message_of(self._kind)
            assert message is not None
            shaped = shaper(self._shape, message)
            self.items += map(shaped, self._envelope.items(chunk))

    def close(self) -> None:
        """That was all.

        Raises:
            ApiFailingError: as ``take``; or it is cut short.
        """
        with self._explained():
            if self._envelope is None:
                found = _decoder(cast(Any, self._shape)).decode(b"".join(self._body))
                self.items = found.items or []
                self.token, self.version = found.metadata.token, found.metadata.resource_version
                return
            self._envelope.close()
            metadata: Any = named("ListMeta").FromString(self._envelope.metadata)
            self.token, self.version = getattr(metadata, "continue"), metadata.resourceVersion

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (msgspec.DecodeError, DecodeError, ValueError) as error:
            raise unreadable(error, f"list {self._kind.kind}") from error


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    """One for each shape: making one costs more than decoding a page."""
    fields: list[tuple[str, Any, Any]] = [
        ("items", list[shape] | None, None),
        ("metadata", _Metadata, msgspec.field(default_factory=_Metadata)),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Page", fields))
