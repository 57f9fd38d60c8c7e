"""Where a release comes from, and how its charts and its istioctl's configurations are rendered: the plug points."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from resail.models.identity import IstioVersion, Manifest
from resail.models.rendering import ChartFacts, RenderRequest

__all__ = ["IstioctlRenderer", "Progress", "ReleaseSource", "Renderer"]

Progress = Callable[[str], None]
"""Called with one line of text about what goes on now."""


class ReleaseSource(Protocol):
    """One place that releases come from; one file per kind."""

    @property
    def name(self) -> str:
        """For people: ``directory /srv/istio``."""
        ...

    def fetch(self, version: IstioVersion, destination: Path, progress: Progress) -> None:
        """Put the release's ``charts/`` (stamped) into the empty directory ``destination``.

        Raises:
            ArtifactError: it is not here, or is damaged; the message says why.
        """
        ...


class Renderer(Protocol):
    """Helm's template engine, somewhere."""

    async def render(self, release_directory: Path, request: RenderRequest) -> tuple[Manifest, ...]:
        """The objects, hooks left out, each with its namespace filled in, sorted by reference.

        Raises:
            UsageError: the chart refuses the values.
            ArtifactError: the chart cannot be read.
        """
        ...

    async def facts(self, release_directory: Path, chart: str) -> ChartFacts:
        """The chart's name, version and default values.

        Raises:
            ArtifactError: the chart cannot be read.
        """
        ...


class IstioctlRenderer(Protocol):
    """``istioctl manifest generate`` of any version."""

    async def generate(
        self, version: IstioVersion, configuration: dict[str, Any], kubernetes_version: str
    ) -> tuple[Manifest, ...]:
        """The objects, each with its namespace, sorted by reference; without the labels that only ``istioctl install`` adds.

        Args:
            version: of the istioctl.
            configuration: a whole IstioOperator.
            kubernetes_version: of the API server, ``1.31.0``, for which ``istioctl install`` would render.

        Raises:
            UsageError: that istioctl refuses the configuration; the message has its words.
            ArtifactError: that istioctl is not to be had.
        """
        ...
