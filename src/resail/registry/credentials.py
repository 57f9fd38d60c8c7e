"""Pull secrets: which of their credentials a kubelet would use for an image. Nothing here is ever stored or shown.

By the rules of the kubelet (https://kubernetes.io/docs/concepts/containers/images/#config-json): hosts may be globs, a path
narrows an entry, and all that fit are tried, those with the longest path first.
"""

import base64
import binascii
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from resail.models.identity import Manifest
from resail.registry.reference import ImageReference

__all__ = ["Credential", "credentials_for", "entries_of"]

_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")


class Credential(msgspec.Struct, frozen=True):
    """A user's name and password, or an identity token instead of the two."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return "Credential(…)"


class _Entry(msgspec.Struct):
    username: str = ""
    password: str = ""
    auth: str = ""
    identitytoken: str = ""


class _Config(msgspec.Struct):
    auths: dict[str, _Entry] = {}


Entries = dict[str, Credential]
"""Registry, as the Secret names it → credential."""


def entries_of(secret: Manifest) -> Entries:
    """What a pull secret holds; empty where it is of another type or cannot be read, as it is for a kubelet."""
    data: dict[str, Any] = secret.get("data") or {}
    try:
        if secret.get("type") == "kubernetes.io/dockerconfigjson":
            entries = msgspec.json.decode(base64.b64decode(data[".dockerconfigjson"]), type=_Config).auths
        elif secret.get("type") == "kubernetes.io/dockercfg":
            entries = msgspec.json.decode(base64.b64decode(data[".dockercfg"]), type=dict[str, _Entry])
        else:
            return {}
    except (KeyError, TypeError, binascii.Error, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return {name: _credential(entry) for name, entry in entries.items()}


def credentials_for(image: ImageReference, entries: Entries) -> tuple[Credential, ...]:
    """Those that fit, in the order in which they are tried."""
    fitting = [(path, credential) for name, credential in entries.items() if (path := _fits(name, image)) is not None]
    return tuple(credential for _, credential in sorted(fitting, key=lambda one: -len(one[0])))


def _credential(entry: _Entry) -> Credential:
    username, password = entry.username, entry.password
    if entry.auth:
        try:
            username, _, password = base64.b64decode(entry.auth).decode().rstrip("\0").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            username, password = "", ""
    return Credential(username, password, entry.identitytoken)


def _fits(name: str, image: ImageReference) -> str | None:
    """The path of the entry's name where it fits the image, else None."""
    bare = name.removeprefix("https://").removeprefix("http://")
    host, _, path = bare.partition("/")
    path = path.rstrip("/")
    path = "" if path in ("v1", "v2") else path.removeprefix("v1/").removeprefix("v2/")
    hosts = _HUB_NAMES if image.host == "docker.io" else (image.host,)
    if not any(_host_fits(host, one) for one in hosts):
        return None
    whole = image.repository
    return path if not path or whole == path or whole.startswith(f"{path}/") else None


def _host_fits(pattern: str, host: str) -> bool:
    """Part by part, so that ``*.io`` is not ``a.b.io``; the port must be the same."""
    wanted, given = pattern.partition(":"), host.partition(":")
    if wanted[2] != given[2]:
        return False
    parts, names = wanted[0].split("."), given[0].split(".")
    return len(parts) == len(names) and all(fnmatchcase(name, part) for part, name in zip(parts, names, strict=True))
