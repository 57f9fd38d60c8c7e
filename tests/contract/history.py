"""What went by, in its order: states that nobody who only looks now and then would be sure to see."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from resail.cluster import WatchEvent
from resail.models.identity import KindRef, Manifest
from tests.contract.site import Site, opened

__all__ = ["recorded", "states"]


@asynccontextmanager
async def recorded(site: Site, kind: KindRef, labels: str = "") -> AsyncIterator[list[WatchEvent]]:
    """All that happens to these objects in the namespace while the block runs; the list grows by itself."""
    found: list[WatchEvent] = []
    synced = asyncio.Event()

    async def follow(events: AsyncIterator[WatchEvent]) -> None:
        async for event in events:
            if event.type == "SYNCED":
                synced.set()
            elif synced.is_set():
                found.append(event)

    async with opened(site.cluster.watch(kind, namespace=site.namespace, labels=labels)) as events:
        task = asyncio.create_task(follow(events))

        async def begun() -> bool:
            if task.done():
                task.result()
            return synced.is_set()

        try:
            await site.until(begun)
            yield found
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def states(events: list[WatchEvent], name: str) -> list[Manifest]:
    """Each state of one object."""
    return [event.object for event in events if event.object["metadata"]["name"] == name]
