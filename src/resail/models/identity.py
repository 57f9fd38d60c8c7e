"""How objects, kinds and versions are named everywhere."""

from typing import Any

import msgspec
import semver

from resail.errors import UsageError

__all__ = ["IstioVersion", "KindRef", "Manifest", "ObjectRef"]

Manifest = dict[str, Any]
"""A Kubernetes object as JSON has it."""


class KindRef(msgspec.Struct, frozen=True, order=True):
    """A kind with its API version."""

    api_version: str
    """``v1``, ``apps/v1`` …"""
    kind: str
    """``Deployment``"""

    @property
    def group(self) -> str:
        """``apps`` of ``apps/v1``; empty for the core group."""
        return self.api_version.rpartition("/")[0]


class ObjectRef(msgspec.Struct, frozen=True, order=True):
    """One object of a cluster. ``namespace`` is empty for a cluster-scoped one."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """``namespace/Kind/name``, or ``Kind/name``: the form of every report."""
        return f"{self.namespace}/{self.kind}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"

    @property
    def kind_ref(self) -> KindRef:
        return KindRef(self.api_version, self.kind)

    @classmethod
    def of(cls, manifest: Manifest, default_namespace: str = "") -> "ObjectRef":
        """The reference of a manifest; ``default_namespace`` where it names none."""
        metadata = manifest.get("metadata") or {}
        return cls(
            api_version=manifest.get("apiVersion", ""),
            kind=manifest.get("kind", ""),
            namespace=metadata.get("namespace") or default_namespace,
            name=metadata.get("name", ""),
        )


class IstioVersion(msgspec.Struct, frozen=True, order=True):
    """A released version of Istio, such as 1.27.9. Pre-releases sort before their release."""

    major: int
    minor: int
    patch: int
    final: bool = True
    pre: str = ""

    @classmethod
    def parse(cls, text: str) -> "IstioVersion":
        """Read ``1.27.9``, ``v1.27.9`` or ``1.28.0-rc.1``.

        Raises:
            UsageError: it is not a full version.
        """
        try:
            version = semver.Version.parse(text.removeprefix("v"))
        except ValueError as error:
            raise UsageError(
                f"{text!r} is not an Istio version",
                next_step="give a full version such as 1.27.9; `resail releases list` shows the known ones",
            ) from error
        pre = version.prerelease or ""
        return cls(version.major, version.minor, version.patch, not pre, pre)

    @classmethod
    def parse_if(cls, text: str) -> "IstioVersion | None":
        """Like ``parse``; None where it is not a full version, as with an image's tag ``latest``."""
        try:
            return cls.parse(text)
        except UsageError:
            return None

    @property
    def line(self) -> str:
        """The minor release line, ``1.27``."""
        return f"{self.major}.{self.minor}"

    @property
    def revision(self) -> str:
        """The conventional revision name of this version, ``1-27-9``."""
        return str(self).replace(".", "-")

    def __str__(self) -> str:
        base = f"{self.major}.{self.minor}.{self.patch}"
        return f"{base}-{self.pre}" if self.pre else base
