"""What planning has rendered: charts by Helm, IstioOperators by istioctl, the same thing once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from resail.models.encoding import digest_of
from resail.models.identity import Manifest
from resail.models.rendering import IstioctlRequest, RenderRequest
from resail.operations.istioctl import istioctl_store
from resail.releases.interface import IstioctlRenderer, Renderer
from resail.releases.istioctl.generating import IstioctlGenerator
from resail.releases.rendering import open_renderer

__all__ = ["Rendering", "open_rendering"]

_AT_ONCE = 2  # istioctls


class Rendering:
    """Helm for charts, istioctl for IstioOperators."""

    def __init__(self, charts: Renderer, istioctl: IstioctlRenderer) -> None:
        self.charts = charts
        self._istioctl = istioctl
        self._known: dict[str, tuple[Manifest, ...]] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def all(self, requests: Sequence[RenderRequest | IstioctlRequest], release: Path) -> list[tuple[Manifest, ...]]:
        """In the order of the requests.

        Raises:
            ValuesRefusedError: a chart or istioctl does not take its values.
            ArtifactError: a chart cannot be read, or an istioctl is not to be had.
        """
        return await asyncio.gather(*(self._one(request, release) for request in requests))

    async def _one(self, request: RenderRequest | IstioctlRequest, release: Path) -> tuple[Manifest, ...]:
        if isinstance(request, IstioctlRequest):
            return await self.generated(request)
        return await self.charts.render(release, request)

    async def generated(self, request: IstioctlRequest) -> tuple[Manifest, ...]:
        """By istioctl."""
        key = digest_of(request)
        async with self._turn:
            if key not in self._known:
                self._known[key] = await self._istioctl.generate(
                    request.version, request.configuration, request.kubernetes_version
                )
        return self._known[key]


@asynccontextmanager
async def open_rendering(
    release_directories: Sequence[Path],
    renderer_of: Callable[[], AbstractAsyncContextManager[Renderer]] = open_renderer,
    istioctl: IstioctlRenderer | None = None,
) -> AsyncIterator[Rendering]:
    """For the time of the context.

    Args:
        release_directories: where releases and their istioctls are looked for first.
        renderer_of: opens what renders the charts; Helm, unless charts need none.
        istioctl: renders IstioOperators; None: the istioctl of each version.
    """
    async with renderer_of() as renderer:
        yield Rendering(renderer, istioctl or IstioctlGenerator(istioctl_store(release_directories)))
