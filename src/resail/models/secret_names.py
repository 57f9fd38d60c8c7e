"""Which names of fields, variables and values are those of secrets, and which values are none whatever they are called."""

import re

__all__ = ["can_be_secret", "is_password_name", "is_secret_name", "is_secret_variable"]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_PASSWORDS = {"password", "passwords", "passwd", "passphrase", "pwd", "credential", "credentials", "apikey", "privatekey"}
_LAST = {"authorization", "cookie", "secret", "secrets", "token", "tokens"}
_KEY = {"key", "keys"}
_BEFORE_KEY = {
    "access",
    "account",
    "api",
    "auth",
    "client",
    "encryption",
    "hmac",
    "license",
    "master",
    "private",
    "secret",
    "shared",
}
_BEFORE_KEY |= {"signing", "ssh"}
"""``key`` alone names a label, a taint or a part of a Secret."""
_REFERENCES = {"class", "enabled", "file", "format", "id", "name", "names", "path", "policy", "provider", "ref", "type", "url"}
"""``credentialName``, ``passwordFile``: they tell where a secret is."""
_OF_REFERENCES = {"existing", "pull"}
"""``imagePullSecrets``, ``existingSecret``."""

_IN_VARIABLES = re.compile(r"TOKEN|PASSW|PASSPHRASE|PWD|SECRET|KEY|CREDENTIAL|PRIVATE", re.IGNORECASE)

_HARMLESS = re.compile(r"|true|false|null|none|nil|yes|no|on|off|\d{1,5}(\.\d+)?|(\d+(\.\d+)?(ns|us|ms|s|m|h|d))+", re.IGNORECASE)
"""Switches, small numbers and lengths of time."""


def is_secret_name(name: str) -> bool:
    """Does a field or value of that name hold a secret, rather than tell of one?"""
    words = _words(name)
    if not words or words[-1] in _REFERENCES or _OF_REFERENCES & {*words}:
        return False
    if _PASSWORDS & {*words} or words[-1] in _LAST or (name.isupper() and "_" in name and is_secret_variable(name)):
        return True
    return words[-1] in _KEY and bool(_BEFORE_KEY & {*words[:-1]})


def is_password_name(name: str) -> bool:
    """Is it the name of one that people choose, and that so may look like a word?"""
    return is_secret_name(name) and bool(_PASSWORDS & {*_words(name)})


def is_secret_variable(name: str) -> bool:
    """Is that the name of an environment variable with a secret? Wider than that of fields: a value too few does no harm."""
    return _IN_VARIABLES.search(name) is not None


def can_be_secret(value: str) -> bool:
    """Whatever its name says."""
    return _HARMLESS.fullmatch(value) is None


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
