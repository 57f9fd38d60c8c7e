"""Simulated time: an event loop that never waits, but goes to the next moment at which something is to happen."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

__all__ = ["SimulatedLoop", "run"]

T = TypeVar("T")


class _Leaping(selectors.DefaultSelector):
    """Where nothing is ready, time goes by at once instead of being waited for."""

    elapsed = 0.0
    """Seconds since the loop began."""
    outside = 0
    """How much is done in threads: real time, in which the simulated one stands still."""
    real = False
    """Wait, as other loops do."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.real:
            return super().select(timeout)
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self.outside:
            return super().select(None)
        self.elapsed += timeout
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """All that sleeps on it takes no time, in the same order each time.

    What a thread does (``asyncio.to_thread``) is waited for: its result comes at the simulated moment at which it was
    asked for. What comes over sockets and pipes takes no simulated time only where a thread waits for it.
    """

    def __init__(self, *, real: bool = False) -> None:
        """With ``real`` it is a loop like others, until ``simulate``."""
        self._leaping = _Leaping()
        self._leaping.real = real
        super().__init__(self._leaping)
        # A nanosecond is lost beside some months in a float, and a timer that is due now would never be.
        self._clock_resolution = 1e-6

    def simulate(self) -> None:
        """From now on; only while nothing sleeps."""
        self._leaping.real = False

    def time(self) -> float:
        return super().time() if self._leaping.real else self._leaping.elapsed

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._leaping.outside += 1
        future.add_done_callback(self._is_back)
        return future

    def _is_back(self, _: object) -> None:
        self._leaping.outside -= 1


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """As ``asyncio.run``, in simulated time."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(coroutine)
