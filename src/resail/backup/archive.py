"""A backup as one archive, the same to the last byte for the same backup: a tar in gzip, with plain YAML in it.

Reading checks all of it before anything is given out: the tar is written again from what was read, and must be the same bytes;
of each member the digest is compared. Compressed bytes cannot be made again, since two zlibs need not compress alike: their
digest is in the comment of gzip's header, the rest of which is fixed. So a change anywhere is seen, and yet ``tar xzf`` reads it.
"""

import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from resail.backup.yaml_text import read_yaml_text, yaml_text
from resail.errors import ArtifactError
from resail.models.backup import BACKUP_FORMAT, Backup, BackupFacts, Marks
from resail.models.encoding import canonical_json, decode_json, digest_bytes, pretty_json
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import MeshObjects, group_kind
from resail.models.snapshot import MeshSnapshot

__all__ = ["pack", "unpack"]

_MANIFEST = "backup.json"
_OBJECTS = "objects/"
_MARKS = "marks/"
_SNAPSHOT = "mesh/snapshot.json"
_EVIDENCE = "mesh/evidence.json"
_MESH = (_SNAPSHOT, _EVIDENCE)

_LARGEST = 512 * 1024 * 1024
"""Bytes that an archive may unpack to: 20,000 objects are some 100 MB."""
_CHUNK = 16 * 1024 * 1024
_LEVEL = 6
_MODE = 0o600
_LONGEST_PART = 200
"""Characters of a part of a path, of 255 that file systems take."""

# RFC 1952: deflate, a comment, no time, no system.
_HEADER = b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\xff"
_COMMENT = re.compile(rb"sha256:[0-9a-f]{64}\0")
_COMMENT_LENGTH = len("sha256:") + 64 + 1

T = TypeVar("T")


class _Format(msgspec.Struct):
    format: int = 0


class _Manifest(msgspec.Struct, kw_only=True):
    """``backup.json``"""

    format: int = BACKUP_FORMAT
    facts: BackupFacts
    members: dict[str, str]
    """Digest of each other member, by its path."""


class _Metadata(msgspec.Struct):
    name: str
    namespace: str | None = None


class _Named(msgspec.Struct):
    """What any object has."""

    apiVersion: str  # noqa: N815
    kind: str
    metadata: _Metadata


def pack(backup: Backup) -> bytes:
    """The archive.

    Raises:
        ArtifactError: two objects have one name.
    """
    contents = [(_path(_OBJECTS, ObjectRef.of(each)), each) for each in backup.objects]
    contents += [(_path(_MARKS, each.ref), msgspec.to_builtins(each)) for each in backup.marks]
    members = {_SNAPSHOT: canonical_json(backup.snapshot), _EVIDENCE: canonical_json(backup.evidence)}
    for path, content in contents:
        if path in members:
            raise ArtifactError(
                "two objects of the backup have one name", on=path, next_step="this is a defect of resail; please report it"
            )
        members[path] = yaml_text(content).encode()
    digests = {path: digest_bytes(members[path]) for path in sorted(members)}
    members[_MANIFEST] = pretty_json(_Manifest(facts=backup.facts, members=digests))
    return _compressed(_tar(members))


def unpack(data: bytes, on: str) -> Backup:
    """Read an archive, all of it or nothing.

    Args:
        data: its bytes.
        on: what errors name it.

    Raises:
        ArtifactError: it is no backup, is damaged or was changed in whatever way, or is of another format.
    """
    tar = _decompressed(data, on)
    members = _members(tar, on)
    if _MANIFEST not in members:
        raise _damaged(on, f"it has no {_MANIFEST}")
    version = decode_json(members[_MANIFEST], _Format, on=on).format
    if version != BACKUP_FORMAT:
        raise ArtifactError(
            f"its format is {version}, and this resail reads {BACKUP_FORMAT}",
            on=on,
            next_step="read it with the resail that wrote it; it is a tar archive, too",
        )
    manifest = decode_json(members[_MANIFEST], _Manifest, on=on)
    _compare_digests(manifest, members, on)
    if _tar(members) != tar:
        raise _damaged(on, "its bytes are not those that were written")
    return Backup(
        facts=manifest.facts,
        objects=tuple(sorted(_each(_OBJECTS, members, _object, on), key=ObjectRef.of)),
        marks=tuple(sorted(_each(_MARKS, members, _marks, on))),
        snapshot=decode_json(members[_SNAPSHOT], MeshSnapshot, on=on),
        evidence=decode_json(members[_EVIDENCE], MeshObjects, on=on),
    )


def _tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(members):
            entry = tarfile.TarInfo(path)
            entry.size = len(members[path])
            entry.mode = _MODE
            tar.addfile(entry, io.BytesIO(members[path]))
    return buffer.getvalue()


def _path(folder: str, ref: ObjectRef) -> str:
    namespace = _part(ref.namespace) if ref.namespace else "_cluster"
    return f"{folder}{namespace}/{_part(group_kind(ref.api_version, ref.kind))}/{_part(ref.name)}.yaml"


def _part(name: str) -> str:
    """The name as a part of a path, percent-encoded where it is not plain; the object itself has it in full."""
    part = quote(name, safe="")
    if not part.strip("."):
        part = part.replace(".", "%2E")
    if len(part) > _LONGEST_PART:
        part = f"{part[: _LONGEST_PART - 20]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return part


def _compressed(tar: bytes) -> bytes:
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(tar) + deflate.flush()
    body += zlib.crc32(tar).to_bytes(4, "little") + (len(tar) & 0xFFFFFFFF).to_bytes(4, "little")
    return _HEADER + digest_bytes(body).encode() + b"\0" + body


def _decompressed(data: bytes, on: str) -> bytes:
    start = len(_HEADER) + _COMMENT_LENGTH
    comment, body = data[len(_HEADER) : start], data[start:]
    if not data.startswith(_HEADER) or not _COMMENT.fullmatch(comment):
        raise ArtifactError(
            "it is not a backup of resail, or its beginning is damaged",
            on=on,
            next_step="give a file that `resail backup` wrote",
        )
    if digest_bytes(body).encode() + b"\0" != comment:
        raise _damaged(on, "its digest is not the one in its header; it was cut off or changed")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    tar = bytearray()
    rest = body
    try:
        while rest and not inflate.eof:
            tar += inflate.decompress(rest, _CHUNK)
            if len(tar) > _LARGEST:
                raise _damaged(on, "it unpacks to more than a backup can have")
            rest = inflate.unconsumed_tail
    except zlib.error as error:
        raise _damaged(on, "it cannot be decompressed") from error
    trailer = zlib.crc32(tar).to_bytes(4, "little") + len(tar).to_bytes(4, "little")
    if not inflate.eof or inflate.unused_data != trailer:
        raise _damaged(on, "it is not one whole gzip archive")
    return bytes(tar)


def _members(tar: bytes, on: str) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            for entry in archive:
                if entry.type != tarfile.REGTYPE or entry.issparse():
                    raise _damaged(on, f"{entry.name!r} in it is not a plain file")
                if any(part in ("", ".", "..") for part in entry.name.split("/")):
                    raise _damaged(on, f"{entry.name!r} in it leaves the archive")
                if entry.name in members:
                    raise _damaged(on, f"{entry.name!r} is in it twice")
                members[entry.name] = tar[entry.offset_data : entry.offset_data + entry.size]
    except (tarfile.TarError, OSError, EOFError, ValueError, LookupError, OverflowError, RecursionError) as error:
        raise _damaged(on, f"it is not a whole tar archive ({type(error).__name__})") from error
    return members


def _compare_digests(manifest: _Manifest, members: dict[str, bytes], on: str) -> None:
    listed = manifest.members.keys()
    found = members.keys() - {_MANIFEST}
    if unlisted := sorted(found - listed):
        raise _damaged(on, f"{_MANIFEST} does not list {', '.join(unlisted[:5])}")
    if missing := sorted((listed | set(_MESH)) - found):
        raise _damaged(on, f"it lacks {', '.join(missing[:5])}")
    if strange := sorted(path for path in found if not path.startswith((_OBJECTS, _MARKS)) and path not in _MESH):
        raise _damaged(on, f"no backup has {', '.join(strange[:5])}")
    if changed := sorted(path for path in found if digest_bytes(members[path]) != manifest.members[path]):
        raise _damaged(on, f"these are not as {_MANIFEST} lists them: {', '.join(changed[:5])}")


def _each(folder: str, members: dict[str, bytes], read: Callable[[Any], tuple[ObjectRef, T]], on: str) -> Iterator[T]:
    for path, content in members.items():
        if not path.startswith(folder):
            continue
        try:
            ref, found = read(read_yaml_text(content.decode()))
        except (ValueError, TypeError, RecursionError, msgspec.ValidationError) as error:
            raise _damaged(on, f"{path} cannot be read: {error}") from error
        if _path(folder, ref) != path:
            raise _damaged(on, f"{path} holds {ref}")
        yield found


def _object(value: Manifest) -> tuple[ObjectRef, Manifest]:
    msgspec.convert(value, _Named)
    return ObjectRef.of(value), value


def _marks(value: Any) -> tuple[ObjectRef, Marks]:
    marks = msgspec.convert(value, Marks)
    return marks.ref, marks


def _damaged(on: str, what: str) -> ArtifactError:
    return ArtifactError(
        f"the backup is damaged: {what}", on=on, next_step="do not restore it; use another copy, or another backup"
    )
