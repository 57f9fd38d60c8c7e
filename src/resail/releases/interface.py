"""Where a release comes from, and how its charts are rendered: the two plug points."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from resail.models.identity import IstioVersion, Manifest
from resail.models.rendering import ChartFacts, RenderRequest

__all__ = ["Progress", "ReleaseSource", "Renderer"]

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
