"""A list on the wire → its items, as it comes in: neither the answer nor the list is ever whole in memory.

``k8s\\0``, then a ``runtime.Unknown`` whose field 2 is the list; in the list, field 1 is its metadata and each field 2 an item:
https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
"""

from collections.abc import Iterator

__all__ = ["MAGIC", "Envelope"]

MAGIC = b"k8s\0"

_LIST = 0x12
_METADATA = 0x0A
_ITEM = 0x12
"""Tags: a field's number and, in the lower three bits, its wire type."""
_BYTES = 2
"""The wire type of all fields here: a length, and as many bytes."""


class Envelope:
    """One answer."""

    def __init__(self) -> None:
        self.metadata = b""
        """A ``ListMeta``."""
        self._begun = False
        self._found = False
        """The list has begun."""
        self._rest = b""
        """What came in and is not yet a whole field."""
        self._left = 0
        """Bytes of the list that are not yet told."""

    def items(self, chunk: bytes) -> Iterator[memoryview]:
        """The items that are complete with these bytes; all must be taken before the next bytes come.

        Raises:
            ValueError: it is no such list.
        """
        data = memoryview(self._rest + chunk)
        at = 0
        if not self._begun and len(data) >= len(MAGIC):
            if data[: len(MAGIC)] != MAGIC:
                raise ValueError("it does not begin as Kubernetes' protobuf does")
            self._begun = True
            at = len(MAGIC)
        while self._begun and (header := _header(data, at)) is not None:
            tag, start, length = header
            if not self._left and tag == _LIST:
                self._found, self._left, at = True, length, start
                continue
            end = start + length
            if end > len(data):
                break
            if self._left:
                self._left -= end - at
                if self._left < 0:
                    raise ValueError("an item is longer than its list")
                if tag == _ITEM:
                    yield data[start:end]
                elif tag == _METADATA:
                    self.metadata = bytes(data[start:end])
            at = end
        self._rest = bytes(data[at:])

    def close(self) -> None:
        """See that all has come.

        Raises:
            ValueError: the end is missing.
        """
        if self._left or self._rest or not self._found:
            raise ValueError("the list is cut short")


def _header(data: memoryview, at: int) -> tuple[int, int, int] | None:
    """A tag, where its bytes begin and how many they are; None where the header is not all there yet."""
    if at >= len(data):
        return None
    tag = data[at]
    if tag & 7 != _BYTES or tag >= 128:
        raise ValueError(f"a field of an unknown kind, {tag}")
    length = shift = 0
    for start in range(at + 1, min(at + 11, len(data))):
        length |= (data[start] & 127) << shift
        if data[start] < 128:
            return tag, start + 1, length
        shift += 7
    if len(data) > at + 10:
        raise ValueError("a length that has no end")
    return None
