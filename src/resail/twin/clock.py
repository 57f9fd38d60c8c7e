"""The twin's clock: a date, and the time of the event loop."""

import asyncio
from datetime import datetime, timedelta

__all__ = ["TwinClock"]


class TwinClock:
    """Implements ``resail.cluster.Clock``. It goes as the running loop's time does."""

    def __init__(self, start: datetime, elapsed: float = 0.0) -> None:
        """A clock that shows ``elapsed`` seconds after ``start`` now."""
        self._start = start
        self._loop = asyncio.get_running_loop()
        self._offset = elapsed - self._loop.time()
        self._told = (start.replace(microsecond=0), _written(start))

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self._offset + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timestamp(self) -> str:
        """Now, as Kubernetes writes it: in whole seconds."""
        second = self.now().replace(microsecond=0)
        if second != self._told[0]:
            self._told = (second, _written(second))
        return self._told[1]


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
