"""The file that Istio publishes for a version, made of small charts."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from tests.releases.releases_on_disk import unpack

__all__ = ["name_of", "pack", "pack_members", "write_archive"]


def name_of(version: str) -> str:
    return f"istio-{version}-linux-amd64.tar.gz"


def pack(folder: Path, version: str = "1.27.9") -> bytes:
    """``istio-VERSION/`` below ``folder`` as tar.gz; its charts are made where they are not there, and istioctl is there too."""
    root = folder / f"istio-{version}"
    if not root.exists():
        unpack(folder, version)
    (root / "bin").mkdir(exist_ok=True)
    (root / "bin" / "istioctl").write_bytes(b"\x7fELF" + b"\0" * 100_000)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(root, root.name)
    return buffer.getvalue()


def write_archive(folder: Path, content: bytes, version: str = "1.27.9", checksum: bool = True) -> Path:
    """The file, and its ``.sha256`` beside it, as Istio's release builder writes it."""
    file = folder / name_of(version)
    file.write_bytes(content)
    if checksum:
        (folder / f"{file.name}.sha256").write_text(f"{hashlib.sha256(content).hexdigest()} {file.name}\n")
    return file


def pack_members(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A tar.gz with just these, whatever they are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue())
