"""age, the file encryption (https://age-encryption.org/v1): to recipients by name, from identities in files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyrage

from resail.errors import ArtifactError, UsageError

__all__ = ["check_recipients", "decrypted", "encrypted", "is_encrypted", "read_recipients"]

_HEADER = b"age-encryption.org/v1\n"
_ARMORED = b"-----BEGIN AGE ENCRYPTED FILE-----"
_SSH_KEY = b"-----BEGIN "
_AGE_KEY = "AGE-SECRET-KEY-"


def encrypted(data: bytes, recipients: Iterable[str]) -> bytes:
    """To whoever has an identity of one of the recipients.

    Args:
        data: what is encrypted.
        recipients: ``age1…``, or public keys of SSH (``ssh-ed25519 …``, ``ssh-rsa …``).

    Raises:
        UsageError: one of them is none, or there is none.
    """
    keys = [_recipient(each) for each in recipients]
    if not keys:
        raise UsageError("there is no recipient to encrypt it to", next_step="give one with --recipient or --recipients-file")
    return bytes(pyrage.encrypt(data, keys))


def check_recipients(recipients: Iterable[str], on: str = "") -> None:
    """Refuse what nothing could be encrypted to; ``on`` says where it stands.

    Raises:
        UsageError: one of them is no recipient.
    """
    for each in recipients:
        _recipient(each, on)


def is_encrypted(data: bytes) -> bool:
    """By how it begins."""
    return data.startswith((_HEADER, _ARMORED))


def decrypted(data: bytes, identities: Iterable[Path], on: str) -> bytes:
    """Decrypt, armored or not.

    Args:
        data: what ``encrypted`` or another program for age wrote.
        identities: files with identities of age, one a line, or each with one private key of SSH.
        on: what errors name it.

    Raises:
        UsageError: no identity is given, a file of them cannot be read, or it is encrypted to none of them.
        ArtifactError: it is damaged.
    """
    files = tuple(identities)
    if not files:
        raise UsageError(
            "it is encrypted, and no identity is given", on=on, next_step="give the file with your key by --identity FILE"
        )
    keys = [key for file in files for key in _identities(file)]
    try:
        return bytes(pyrage.decrypt(data, keys))
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise UsageError(
                "it is encrypted to none of the identities given, or its beginning is damaged",
                on=on,
                next_step="give by --identity a key of one of the recipients that it was made for",
            ) from error
        raise ArtifactError(
            f"the backup is damaged: it cannot be decrypted ({error})",
            on=on,
            next_step="use another copy, or another backup",
        ) from error


def read_recipients(path: Path) -> tuple[str, ...]:
    """One a line; empty lines and those that begin with ``#`` do not count.

    Raises:
        UsageError: the file cannot be read, has none, or what is in it is none.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    recipients = tuple(line for line in lines if line and not line.startswith("#"))
    if not recipients:
        raise UsageError("there is no recipient in it", on=str(path), next_step="put one a line, such as age1…")
    check_recipients(recipients, str(path))
    return recipients


def _recipient(text: str, on: str = "") -> Any:
    kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
    try:
        return kind.Recipient.from_str(text.strip())
    except pyrage.RecipientError as error:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        if text.startswith(_AGE_KEY):
            shown = "this secret key"
        raise UsageError(
            f"{shown!r} is not a recipient",
            on=on,
            next_step="give the public key that `age-keygen` prints (age1…), or one of SSH (ssh-ed25519 …, ssh-rsa …)",
        ) from error


def _identities(path: Path) -> list[Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        if content.startswith(_SSH_KEY):
            return [pyrage.ssh.Identity.from_buffer(content)]
        lines = [line.strip() for line in content.decode().splitlines()]
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.IdentityError, UnicodeDecodeError) as error:
        # Not what the library says of it: that may quote the key.
        raise _no_identity(path) from error
    if not keys:
        raise _no_identity(path)
    return keys


def _no_identity(path: Path) -> UsageError:
    return UsageError(
        "there is no identity in it",
        on=str(path),
        next_step="give a file that `age-keygen` wrote, or a private key of SSH without a passphrase",
    )


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> UsageError:
    why = error.strerror if isinstance(error, OSError) else "it is not text"
    return UsageError(f"cannot be read: {why}", on=str(path), next_step="give a file that is there and can be read")
