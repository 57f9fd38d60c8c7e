"""A gzip file that carries the digest of its own bytes, in the comment that gzip's header has room for (RFC 1952).

gzip's own checksum is over what was compressed, and leaves out the header and the bits that pad the last byte: a flip there
would not be seen. It is also only looked at after all has been unpacked; the seal is checked before.
"""

import hashlib
import zlib

from resail.errors import ArtifactError

__all__ = ["LONGEST_HEADER", "is_sealed", "open_seal", "seal"]

# Magic, deflate, "a comment follows", no time, best compression, no operating system: no byte of it depends on the machine.
_HEADER = b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x02\xff"
_WORDS = b"resail bundle sha256:"
_DIGITS = 64
LONGEST_HEADER = len(_HEADER) + len(_WORDS) + _DIGITS + 1
"""Bytes that ``is_sealed`` must see."""
_ONLY_DEFLATE = -15


def seal(content: bytes) -> bytes:
    """Compress; the same content gives the same bytes with the same zlib. ``gzip -d`` and ``tar -xz`` read it."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, _ONLY_DEFLATE)
    body = compressor.compress(content) + compressor.flush()
    body += zlib.crc32(content).to_bytes(4, "little") + (len(content) % 2**32).to_bytes(4, "little")
    return _header(body) + body


def is_sealed(start: bytes) -> bool:
    """Does a file that starts so say that it is sealed?"""
    return start.startswith(_HEADER + _WORDS)


def open_seal(data: bytes, largest: int) -> bytes:
    """What was sealed.

    Raises:
        ArtifactError: a byte differs or is missing, or it unpacks to more than ``largest`` bytes; says not in which file.
    """
    body = data[LONGEST_HEADER:]
    if data[:LONGEST_HEADER] != _header(body):
        raise ArtifactError("its bytes are not those that were written", next_step="copy it again")
    decompressor = zlib.decompressobj(_ONLY_DEFLATE)
    content = decompressor.decompress(body, largest)
    if not decompressor.eof:
        raise ArtifactError(f"it unpacks to more than {largest} bytes", next_step="do not use it")
    return content


def _header(body: bytes) -> bytes:
    return _HEADER + _WORDS + hashlib.sha256(body).hexdigest().encode() + b"\0"
