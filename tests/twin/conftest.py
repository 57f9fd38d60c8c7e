"""Tests of the twin run on its loop: whatever sleeps takes no time."""

import asyncio
from collections.abc import Callable

from resail.twin.loop import SimulatedLoop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"simulated": SimulatedLoop}
