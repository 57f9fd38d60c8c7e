"""A backup as a file, encrypted or not."""

from collections.abc import Iterable
from pathlib import Path

from resail.backup.archive import pack, unpack
from resail.backup.encryption import decrypted, encrypted, is_encrypted
from resail.backup.private_file import write_private
from resail.errors import ArtifactError, UsageError
from resail.models.backup import Backup

__all__ = ["read_backup", "write_backup"]


def write_backup(path: Path, backup: Backup, recipients: Iterable[str] = ()) -> None:
    """Write it, whole or not at all; encrypted where there are recipients. Only its owner may read the file.

    Raises:
        UsageError: it holds values of Secrets and there is no recipient, or a recipient is none.
        ArtifactError: the place cannot be written to.
    """
    to = tuple(recipients)
    if backup.facts.has_secrets and not to:
        raise UsageError("values of Secrets are written encrypted only", on=str(path), next_step="give a --recipient")
    data = pack(backup)
    if to:
        data = encrypted(data, to)
    write_private(path, data)


def read_backup(path: Path, identities: Iterable[Path] = ()) -> Backup:
    """Read one, all of it or nothing.

    Args:
        path: the file.
        identities: files with identities of age, or private keys of SSH; for one that is encrypted.

    Raises:
        UsageError: it is encrypted, and no identity is given or none fits.
        ArtifactError: it is not there, is no backup, is damaged or was changed in whatever way, or is of another format.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"cannot be read: {error.strerror}", on=str(path), next_step="give a file that `resail backup` wrote"
        ) from error
    if is_encrypted(data):
        data = decrypted(data, identities, str(path))
    return unpack(data, str(path))
