"""Programs that say that they are an istioctl, and Istio's archives of them."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

__all__ = ["archive", "checksum", "program", "put"]


def program(version: str) -> bytes:
    """One that answers as ``istioctl version --remote=false -o json`` does, and nothing else."""
    answer = f'{{"clientVersion": {{"version": "{version}", "status": "Clean"}}}}'
    wanted = "version --remote=false -o json"
    return f'#!/bin/sh\n[ "$*" = "{wanted}" ] && [ "$KUBECONFIG" = /dev/null ] || exit 64\necho \'{answer}\'\n'.encode()


def archive(content: bytes, member: str = "istioctl") -> bytes:
    """A tar.gz with the program under that name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue())


def checksum(content: bytes, name: str) -> bytes:
    """As Istio's release builder writes it."""
    return f"{hashlib.sha256(content).hexdigest()} {name}\n".encode()


def put(folder: Path, content: bytes, mode: int = 0o755) -> Path:
    """A program ``istioctl`` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "istioctl"
    path.write_bytes(content)
    path.chmod(mode)
    return path
