"""istioctl built from Istio's Go module: for the versions whose modules are pinned with all that they need."""

import shutil
from pathlib import Path

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.interface import Progress
from resail.testbed.binaries import ensure
from resail.testbed.tools import ISTIO_VERSIONS

__all__ = ["BuiltIstioctl"]


class BuiltIstioctl:
    """Implements ``IstioctlSource``; a build takes minutes, and its charts have the source tree's version in their labels."""

    @property
    def name(self) -> str:
        return "Go module istio.io/istio"

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """As ``IstioctlSource.fetch``."""
        if str(version) not in ISTIO_VERSIONS:
            raise ArtifactError(
                f"only {', '.join(ISTIO_VERSIONS)} can be built: of others it is not pinned what they are built from",
                on=str(version),
                next_step="use an archive",
            )
        name = f"istioctl-{version}"
        shutil.copyfile(ensure([name], progress)[name], destination)
