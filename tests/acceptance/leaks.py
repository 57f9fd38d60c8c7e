"""The search for planted values in whatever a run leaves behind: files, archives, databases, and what is encoded in them."""

import base64
import gzip
import io
import re
import sqlite3
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyrage

__all__ = ["Search"]

_DEEPEST = 8
_SHORTEST_LINE = 20
_ENCODED = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_ENCODED_LINES = re.compile(rb"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{16,}(?:\\n|\n)\s*)+[A-Za-z0-9+/_-]+")
_AGE = b"age-encryption.org/v1"
_DAMAGED = (EOFError, OSError, pyrage.DecryptError, sqlite3.DatabaseError, tarfile.TarError, zipfile.BadZipFile, zlib.error)
_SQLITE = b"SQLite format 3\0"
_TAR = slice(257, 262)
_PACKED = (b"PK", b"\x1f\x8b", _AGE, _SQLITE)
_READABLE = re.compile(rb"[\t\n\r -~]{12}|[\t\n\r -~]{1,11}\Z")
"""What was decoded from where it begins; the rest is rubbish, of which there would be ever more."""


class Search:
    """For values by their names; half a value is found as well as a whole one, and each line of one that has several."""

    def __init__(self, planted: Mapping[str, bytes], identities: Sequence[pyrage.x25519.Identity] = ()) -> None:
        self._forms = {form: name for name, value in planted.items() for piece in _pieces(value) for form in _written(piece)}
        self._identities = identities

    def directory(self, root: Path) -> list[str]:
        """What was found in its files, in words; a database is read with what its log still holds."""
        found = []
        for path in sorted(root.rglob("*")):
            if path.is_file():
                found += self.data(path.read_bytes(), str(path.relative_to(root)))
                if path.with_name(f"{path.name}-wal").exists():
                    found += self._told(
                        _rows(path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes()), f"{path.name}-wal", 0
                    )
        return found

    def data(self, data: bytes, on: str, depth: int = 0) -> list[str]:
        """What was found in some bytes and in what is packed in them."""
        found = {f"{on}: {name}" for form, name in self._forms.items() if form in data}
        if depth < _DEEPEST:
            try:
                found |= {*self._told(self._unpacked(data), on, depth)}
            except _DAMAGED:
                # What looks like base64 may be none, or be cut off; a file is whole.
                if depth == 0:
                    raise
        return sorted(found)

    def _told(self, parts: Iterator[tuple[str, bytes]], on: str, depth: int) -> list[str]:
        return [told for name, part in parts for told in self.data(part, f"{on} > {name}", depth + 1)]

    def _unpacked(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                yield from ((name, archive.read(name)) for name in archive.namelist())
        elif data.startswith(b"\x1f\x8b"):
            yield "gzip", gzip.decompress(data)
        elif data[_TAR] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                for member in tar:
                    if (file := tar.extractfile(member)) is not None:
                        yield member.name, file.read()
        elif data.startswith(_SQLITE):
            yield from _rows(data)
        elif data.startswith(_AGE) and self._identities:
            yield "age", pyrage.decrypt(data, list(self._identities))
        else:
            yield from _decoded(data)


def _pieces(value: bytes) -> Iterator[bytes]:
    lines = [line.strip() for line in value.splitlines()]
    for part in [line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith(b"-----")] or [value]:
        yield part[: len(part) // 2]
        yield part[len(part) // 2 :]


def _written(piece: bytes) -> Iterator[bytes]:
    """As it is, and in base64 wherever in it the piece begins."""
    yield piece
    for shift in range(3):
        # The characters at both ends depend on the neighbours.
        encoded = base64.b64encode(b"\0" * shift + piece).rstrip(b"=")[(0, 2, 3)[shift] : -1]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))


def _rows(data: bytes, log: bytes | None = None) -> Iterator[tuple[str, bytes]]:
    """Each text and blob of each table, indices and free pages left to the search of the bytes."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "copy.db"
        path.write_bytes(data)
        if log is not None:
            path.with_name("copy.db-wal").write_bytes(log)
        connection = sqlite3.connect(path)
        try:
            for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    for value in row:
                        if isinstance(value, str | bytes):
                            yield table, value.encode() if isinstance(value, str) else value
        finally:
            connection.close()


def _decoded(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What stands in base64 somewhere in a text, of either alphabet, also in several lines."""
    for found in (*_ENCODED.finditer(data), *_ENCODED_LINES.finditer(data)):
        text = re.sub(rb"\\n|\s", b"", found[0]).translate(bytes.maketrans(b"-_", b"+/"))
        # What comes directly before it may look like base64, too: the n of an escaped line break.
        for start in range(4):
            decoded = base64.b64decode(_completed(text[start:]))
            if decoded.startswith(_PACKED) or decoded[_TAR] == b"ustar" or _READABLE.match(decoded):
                yield "base64", _opened(decoded)


def _completed(text: bytes) -> bytes:
    """With its padding; a single character more says nothing."""
    return text[:-1] if len(text) % 4 == 1 else text + b"=" * (-len(text) % 4)


def _opened(data: bytes) -> bytes:
    """Unzipped as far as it goes: behind what was encoded there may be rubbish."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return zlib.decompressobj(wbits=31).decompress(data)
    except zlib.error:
        return data
