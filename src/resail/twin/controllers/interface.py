"""What a controller is."""

from collections.abc import Iterable
from typing import Protocol

from resail.twin.store import Change, Key

__all__ = ["Controller"]


class Controller(Protocol):
    """It remembers nothing that matters: all it does follows from the objects, the timers and the time."""

    def concerns(self, change: Change) -> Iterable[Key]:
        """Which of its objects to look at after a change of this or another object."""
        ...

    def reconcile(self, key: Key) -> float | None:
        """Bring the world nearer to what the object wants.

        Returns:
            Seconds after which to look again though nothing changes; None: never.
        """
        ...
