"""A file that is there whole or not at all, and that only its owner may read."""

import os
from pathlib import Path

from resail.errors import ArtifactError

__all__ = ["write_private"]

_MODE = 0o600


def write_private(path: Path, data: bytes) -> None:
    """Write it, in the place of what is there.

    Raises:
        ArtifactError: the place cannot be written to.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError as error:
        raise ArtifactError(f"cannot be written: {error.strerror}", on=str(path), next_step="choose another place") from error
