"""For how long this process may write to the cluster: until a moment that whoever renews the lease moves on."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator

from resail.errors import LeaseLostError

__all__ = ["Tenure", "boot_time"]


def boot_time() -> float:
    """Seconds since this machine booted, those of its sleep included: a lease runs out meanwhile, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Tenure:
    """Without end until it is limited. Once over it stays over: what the holder of a lost lease knew is no longer so."""

    def __init__(self, now: Callable[[], float] = boot_time) -> None:
        """``now`` gives the moment that it is judged by."""
        self.now = now
        self._until = math.inf
        self._why = ""
        self._followers: list[Callable[[float], None]] = []

    @property
    def until(self) -> float:
        """The moment of ``now`` from which nothing may be written."""
        return self._until

    def limit(self, until: float) -> None:
        """Write until then.

        Raises:
            LeaseLostError: it is over already.
        """
        if self._until != math.inf:
            self.check()
        self._tell(until)

    def end(self, why: str) -> None:
        """Nothing more is to be written; ``why`` is for people."""
        self._why = self._why or why
        self._tell(-math.inf)

    def check(self) -> None:
        """To be called as near to a write as can be: in between, the process may be stopped for any time.

        Raises:
            LeaseLostError: it is over.
        """
        if self.now() >= self._until:
            self.end("it could not be renewed in time")
            raise LeaseLostError(
                f"the lease is lost: {self._why}; nothing more is written",
                on="the lease of this mesh",
                next_step="`resail status` tells whether someone took the run over; else `resail resume` goes on",
            )

    @contextlib.contextmanager
    def followed(self, by: Callable[[float], None]) -> Iterator[None]:
        """In the context ``by`` is told each new ``until``."""
        self._followers.append(by)
        try:
            yield
        finally:
            self._followers.remove(by)

    def _tell(self, until: float) -> None:
        self._until = until
        for follower in self._followers:
            follower(until)
