"""What a run's copy is in the cluster: ConfigMaps, which are read back whole or not at all.

- ``resail-RUN``, immutable: the ``Head``. It is written last when a copy begins and removed first when one goes, so a copy
  without it is none.
- ``resail-RUN-plan-N``, immutable: the archive of the plan, compressed and cut in pieces.
- ``resail-RUN-log-N``: entries by their number, each after a digest of it. Only the last one grows.
"""

import base64
import hashlib
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from resail.cluster import ClusterReader
from resail.errors import ArtifactError, NotFoundError
from resail.models.encoding import canonical_json, digest_bytes
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.journal import Entry, EntryBody

__all__ = [
    "FORMAT",
    "PART",
    "RUN",
    "CopiedRun",
    "Head",
    "Log",
    "head_object",
    "log_object",
    "name_of",
    "packed",
    "plan_objects",
    "read_copies",
    "read_plan_archive",
]

FORMAT = 1

RUN = "resail.dev/run"
PART = "resail.dev/part"
"""Labels of each ConfigMap: the run, and ``head``, ``plan`` or ``log``."""

_CONFIG_MAP = KindRef("v1", "ConfigMap")
_HEAD = "head.json"
_ARCHIVE = "archive"
_PIECE = 700_000
"""Bytes of the compressed archive in one ConfigMap, which may hold 1 MiB; as base64 it must fit into one request, too."""


class Head(msgspec.Struct, frozen=True):
    """What a copy is a copy of."""

    format_version: int
    run: str
    number: int
    """Of the mesh's runs, from 1, in the order in which they began."""
    plan_id: str
    digest: str
    """Of the plan's archive."""
    pieces: int
    """That the archive is cut in."""


class _Format(msgspec.Struct):
    format_version: int = 0


class _Line(msgspec.Struct, frozen=True):
    time: datetime
    body: EntryBody


class Log(msgspec.Struct, frozen=True):
    """The ConfigMap that entries are added to."""

    number: int
    data: dict[str, str]
    """As it is known to be in the cluster."""
    version: str
    """resourceVersion"""


class CopiedRun(msgspec.Struct, frozen=True):
    """A run as its copy tells it."""

    head: Head
    entries: tuple[Entry, ...]
    tail: Log


def name_of(run: str, part: str = "") -> str:
    """The name of a ConfigMap; ``part`` is ``plan-N`` or ``log-N``, empty for the head."""
    return f"resail-{run}-{part}" if part else f"resail-{run}"


def packed(entries: Iterable[Entry]) -> dict[str, str]:
    """Entries as the data of a log."""
    data = {}
    for entry in entries:
        key, line = f"{entry.sequence:06d}", canonical_json(_Line(entry.time, entry.body)).decode()
        data[key] = f"{_check(entry.run, key, line)} {line}"
    return data


def _check(run: str, key: str, line: str) -> str:
    """A byte that is another one, or a line in another's place, must be seen."""
    return hashlib.sha256(f"{run} {key} {line}".encode()).hexdigest()[:16]


def head_object(namespace: str, head: Head) -> Manifest:
    """The ConfigMap that makes a copy one."""
    data = {_HEAD: canonical_json(head).decode()}
    return _config_map(namespace, head.run, "", "head", {"immutable": True, "data": data})


def plan_objects(namespace: str, run: str, archive: bytes) -> list[Manifest]:
    """The ConfigMaps of a plan's archive."""
    compressed = zlib.compress(archive)
    pieces = [compressed[start : start + _PIECE] for start in range(0, len(compressed), _PIECE)]
    return [
        _config_map(
            namespace,
            run,
            f"plan-{number}",
            "plan",
            {"immutable": True, "binaryData": {_ARCHIVE: base64.b64encode(piece).decode()}},
        )
        for number, piece in enumerate(pieces)
    ]


def log_object(namespace: str, run: str, number: int, data: dict[str, str]) -> Manifest:
    """The ConfigMap of some entries."""
    return _config_map(namespace, run, f"log-{number}", "log", {"data": data})


async def read_copies(reader: ClusterReader, namespace: str) -> tuple[CopiedRun, ...]:
    """All runs that have a copy, in the order in which they began.

    Raises:
        ArtifactError: one is cut short, damaged or of a later format.
    """
    found = await reader.list_objects(_CONFIG_MAP, namespace=namespace, labels=f"{PART} in (head,log)")
    logs: dict[str, list[Manifest]] = {}
    heads: dict[str, Head] = {}
    for manifest in found:
        labels = manifest["metadata"]["labels"]
        run = labels.get(RUN, "")
        if labels[PART] == "head":
            heads[run] = _head(manifest, run, namespace)
        else:
            logs.setdefault(run, []).append(manifest)
    ordered = sorted(heads.values(), key=lambda head: head.number)
    return tuple(_run(head, logs.get(head.run, []), namespace) for head in ordered)


async def read_plan_archive(reader: ClusterReader, namespace: str, head: Head) -> bytes:
    """The plan of a copied run, as ``plan/file.py`` writes it.

    Raises:
        ArtifactError: a piece is missing or not what was written.
    """
    pieces = []
    for number in range(head.pieces):
        try:
            manifest = await reader.get(
                ObjectRef(_CONFIG_MAP.api_version, _CONFIG_MAP.kind, namespace, name_of(head.run, f"plan-{number}"))
            )
            pieces.append(base64.b64decode(manifest["binaryData"][_ARCHIVE], validate=True))
        except (NotFoundError, KeyError, TypeError, ValueError) as error:
            raise _damaged(head.run, namespace, f"piece {number + 1} of {head.pieces} of its plan is missing") from error
    try:
        archive = zlib.decompress(b"".join(pieces))
    except zlib.error as error:
        raise _damaged(head.run, namespace, "its plan cannot be unpacked") from error
    if digest_bytes(archive) != head.digest:
        raise _damaged(head.run, namespace, "its plan is not the one that was written")
    return archive


def _config_map(namespace: str, run: str, part: str, kind: str, content: dict[str, Any]) -> Manifest:
    metadata = {"name": name_of(run, part), "namespace": namespace, "labels": {RUN: run, PART: kind}}
    return {"apiVersion": _CONFIG_MAP.api_version, "kind": _CONFIG_MAP.kind, "metadata": metadata, **content}


def _head(manifest: Manifest, run: str, namespace: str) -> Head:
    try:
        data = manifest["data"][_HEAD]
        version = msgspec.json.decode(data, type=_Format).format_version
        if version > FORMAT:
            raise ArtifactError(
                f"the cluster's copy of run {run} is of format {version}, and this resail knows up to {FORMAT}",
                on=f"ConfigMap {namespace}/{name_of(run)}",
                next_step="use the resail that wrote it, or a later one",
            )
        head = msgspec.json.decode(data, type=Head)
        if canonical_json(head).decode() != data:
            raise msgspec.DecodeError("it is not as it was written")
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise _damaged(run, namespace, f"its head cannot be read: {error}") from error
    if head.run != run:
        raise _damaged(run, namespace, f"its head is that of run {head.run}")
    return head


def _run(head: Head, manifests: Sequence[Manifest], namespace: str) -> CopiedRun:
    logs = {manifest["metadata"]["name"]: manifest for manifest in manifests}
    entries: list[Entry] = []
    tail: Log | None = None
    for number in range(len(logs)):
        manifest = logs.get(name_of(head.run, f"log-{number}"))
        if manifest is None:
            raise _damaged(head.run, namespace, f"its log {number} is missing")
        data = manifest.get("data") or {}
        entries += (_entry(head.run, key, data[key], namespace) for key in sorted(data, key=lambda key: (len(key), key)))
        tail = Log(number, data, manifest["metadata"]["resourceVersion"])
    if tail is None or [entry.sequence for entry in entries] != list(range(1, len(entries) + 1)) or not entries:
        raise _damaged(head.run, namespace, "entries are missing")
    return CopiedRun(head, tuple(entries), tail)


def _entry(run: str, key: str, text: str, namespace: str) -> Entry:
    check, _, line = text.partition(" ")
    if check != _check(run, key, line):
        raise _damaged(run, namespace, f"entry {key} is not as it was written")
    try:
        decoded = msgspec.json.decode(line, type=_Line)
        return Entry(sequence=int(key), run=run, time=decoded.time, body=decoded.body)
    except (msgspec.DecodeError, ValueError) as error:
        raise _damaged(run, namespace, f"entry {key}: {error}") from error


def _damaged(run: str, namespace: str, what: str) -> ArtifactError:
    return ArtifactError(
        f"the cluster's copy of run {run} is damaged: {what}",
        on=f"ConfigMaps {namespace}/{name_of(run)}*",
        next_step=f"put them back; or, if the run is of no use any more, delete those labelled {RUN}={run}",
    )
