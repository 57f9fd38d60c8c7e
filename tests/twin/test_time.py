"""Simulated time."""

import asyncio
import time
from datetime import UTC, datetime

from resail.twin.cluster import open_twin
from resail.twin.loop import run


async def test_sleeping_goes_to_the_moment_and_in_its_order() -> None:
    loop = asyncio.get_running_loop()
    told: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        told.append((name, loop.time()))

    await asyncio.gather(sleeper("year", 365 * 86400.0), sleeper("blink", 0.001), sleeper("hour", 3600.0))
    assert told == [("blink", 0.001), ("hour", 3600.0), ("year", 365 * 86400.0)]


async def test_a_thread_is_waited_for_and_time_stands_still_meanwhile() -> None:
    loop = asyncio.get_running_loop()
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(1.0)
            ticks.append(loop.time())

    ticking = asyncio.create_task(tick())
    await asyncio.to_thread(time.sleep, 0.05)
    assert loop.time() == 0.0
    assert ticks == []
    await asyncio.sleep(2.5)
    assert ticks == [1.0, 2.0]
    ticking.cancel()


async def test_the_clock_goes_with_the_loop() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    async with open_twin(start=start) as twin:
        assert twin.clock.now() == start
        await twin.clock.sleep(90)
        assert twin.clock.now() == datetime(2026, 3, 1, 0, 1, 30, tzinfo=UTC)
        assert twin.clock.monotonic() == 90


def test_run_gives_the_result_back() -> None:
    async def answer() -> float:
        await asyncio.sleep(1e6)
        return asyncio.get_running_loop().time()

    assert run(answer()) == 1e6
