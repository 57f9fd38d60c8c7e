"""Manifests: which architectures an image is for.

OCI index and image manifest (https://github.com/opencontainers/image-spec), Docker's manifest list and manifests of schema 2, and
of schema 1, which old registries still serve.
"""

import msgspec

__all__ = ["ACCEPT", "Described", "config_architecture", "describe"]

_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_SINGLE = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
ACCEPT = ", ".join((*_INDEXES, *_SINGLE))
"""All that is understood; a registry that is asked for less may turn an index into one manifest of it."""


class _Platform(msgspec.Struct):
    architecture: str = ""
    os: str = ""


class _Descriptor(msgspec.Struct):
    digest: str = ""
    platform: _Platform | None = None


class _Manifest(msgspec.Struct, rename="camel"):
    manifests: list[_Descriptor] | None = None
    """Of an index."""
    config: _Descriptor | None = None
    """Of one image."""
    architecture: str = ""
    """Of schema 1."""


class Described(msgspec.Struct, frozen=True):
    """What a manifest tells."""

    architectures: tuple[str, ...]
    """Of Linux, sorted."""
    config: str = ""
    """Digest of the blob that tells the architecture, where the manifest itself does not."""


def describe(body: bytes) -> Described:
    """Read a manifest of any kind. Its own fields tell what it is: registries differ in the type that they announce.

    Raises:
        ValueError: it is none.
    """
    try:
        manifest = msgspec.json.decode(body, type=_Manifest)
    except msgspec.MsgspecError as error:
        raise ValueError("what it sent is no manifest") from error
    if manifest.manifests is not None:
        platforms = [one.platform for one in manifest.manifests if one.platform is not None]
        # What builds attest to is listed as of platform unknown/unknown.
        return Described(tuple(sorted({one.architecture for one in platforms if one.os == "linux" and one.architecture})))
    if manifest.config is not None and manifest.config.digest:
        return Described((), manifest.config.digest)
    if manifest.architecture:
        return Described((manifest.architecture,))
    raise ValueError("what it sent is no manifest")


def config_architecture(body: bytes) -> tuple[str, ...]:
    """The architecture that an image's configuration tells.

    Raises:
        ValueError: it tells none.
    """
    try:
        platform = msgspec.json.decode(body, type=_Platform)
    except msgspec.MsgspecError as error:
        raise ValueError("what it sent is no image configuration") from error
    if not platform.architecture:
        raise ValueError("the image's configuration tells no architecture")
    return (platform.architecture,) if platform.os in ("linux", "") else ()
