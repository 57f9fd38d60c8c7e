"""The plan as a file: a zip archive that is the same to the last byte for the same plan.

Reading builds the archive again from what was read and compares all the bytes, so a change anywhere is seen: in a
manifest, in the plan, in the archive's own headers. Members are stored as they are: two zlibs need not compress alike.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from resail.errors import ArtifactError
from resail.models.encoding import canonical_json, decode_json, digest_of, pretty_json
from resail.models.identity import Manifest
from resail.models.plan import FORMAT_VERSION, Plan, PlanFiles

__all__ = ["plan_files", "read_plan", "write_plan"]

_PLAN = "plan.json"
_DIGEST = "digest"
_FOLDER = "manifests/"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_LARGEST = 256 * 1024 * 1024
"""Bytes that a member may unpack to: Istio's CRDs and charts are some megabytes."""


class _Format(msgspec.Struct):
    format_version: int = 0


def plan_files(plan: Plan, manifests: Mapping[str, tuple[Manifest, ...]]) -> PlanFiles:
    """A plan with its manifests and its id."""
    kept = {name: manifests[name] for name in sorted(manifests)}
    return PlanFiles(plan=plan, manifests=kept, id=digest_of((plan, kept)))


def write_plan(path: Path, files: PlanFiles) -> None:
    """Write it, whole or not at all.

    Raises:
        ArtifactError: the place cannot be written to.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(_archive(files))
        partial.rename(path)
    except OSError as error:
        raise ArtifactError(f"cannot be written: {error.strerror}", on=str(path), next_step="choose another place") from error


def read_plan(path: Path) -> PlanFiles:
    """Read a plan.

    Raises:
        ArtifactError: it is not there, damaged, changed in whatever way, or of another format.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"cannot be read: {error.strerror}", on=str(path), next_step="make it with `resail plan --out`"
        ) from error
    try:
        members = _members(data)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, KeyError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise _damaged(path, f"it is not a whole plan archive ({type(error).__name__})") from error
    if _PLAN not in members:
        raise _damaged(path, "it has no plan.json")
    version = decode_json(members[_PLAN], _Format, on=str(path)).format_version
    if version != FORMAT_VERSION:
        raise ArtifactError(
            f"its format is {version}, and this resail reads {FORMAT_VERSION}", on=str(path), next_step="plan again"
        )
    plan = decode_json(members[_PLAN], Plan, on=str(path))
    manifests = {
        name.removeprefix(_FOLDER): decode_json(content, tuple[Manifest, ...], on=f"{path} {name}")
        for name, content in members.items()
        if name.startswith(_FOLDER)
    }
    lacking = sorted(set(_named(msgspec.to_builtins(plan.steps))) - manifests.keys())
    if lacking:
        raise _damaged(path, f"its steps name files that it does not have: {', '.join(lacking[:5])}")
    files = plan_files(plan, manifests)
    if _archive(files) != data:
        raise _damaged(path, "its bytes are not those that were written")
    return files


def _named(value: Any) -> Iterator[str]:
    """The files of manifests that steps name, wherever in them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from [inner] if key == "manifests" and isinstance(inner, str) else _named(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _named(inner)


def _archive(files: PlanFiles) -> bytes:
    members = {
        _DIGEST: files.id.encode() + b"\n",
        _PLAN: pretty_json(files.plan),
        **{f"{_FOLDER}{name}": canonical_json(objects) for name, objects in files.manifests.items()},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > _LARGEST:
            raise ValueError("it unpacks to more than a plan can have")
        return {entry.filename: archive.read(entry) for entry in entries}


def _damaged(path: Path, what: str) -> ArtifactError:
    return ArtifactError(f"the plan is damaged: {what}", on=str(path), next_step="do not apply it; plan again")
