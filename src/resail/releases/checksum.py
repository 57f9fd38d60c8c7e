"""The ``.sha256`` files that Istio publishes beside its archives."""

import re
from pathlib import Path

from resail.errors import ArtifactError

__all__ = ["compare_checksum"]


def compare_checksum(found: str, file: Path, on: str) -> None:
    """Is ``found``, in hex digits, what ``file`` says, as ``sha256sum`` writes it?

    Raises:
        ArtifactError: it is not, or the file has no checksum; ``on`` names what the checksum is of.
    """
    words = file.read_text(encoding="utf-8", errors="replace").split()
    if not words or not re.fullmatch("[0-9a-fA-F]{64}", words[0]):
        raise ArtifactError(f"its {file.name} has no SHA-256 checksum", on=on, next_step="get both again")
    if found != words[0].lower():
        raise ArtifactError(
            f"its SHA-256 is {found}, and {file.name} says {words[0].lower()}",
            on=on,
            next_step="get both again; where they differ still, do not use it",
        )
