"""Where an istioctl comes from: the plug point, one file per kind."""

from pathlib import Path
from typing import Protocol

import msgspec

from resail.models.identity import IstioVersion
from resail.releases.interface import Progress

__all__ = ["Istioctl", "IstioctlSource"]


class Istioctl(msgspec.Struct, frozen=True):
    """One version's istioctl on this machine, checked."""

    version: str
    path: str
    source: str
    """The source that it came from, for people."""
    digest: str
    """Of its bytes."""


class IstioctlSource(Protocol):
    """One place that an istioctl comes from."""

    @property
    def name(self) -> str:
        """For people: ``release archive of https://github.com``."""
        ...

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """Write the program to the file ``destination``, which is not there yet; whoever asked makes it executable.

        Raises:
            ArtifactError: it is not here, or is damaged; the message says why.
        """
        ...
