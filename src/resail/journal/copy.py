"""The copy of a run's journal that others can go on from, as the engine sees it."""

from typing import Protocol

__all__ = ["JournalCopy", "NoCopy"]


class JournalCopy(Protocol):
    """Where the journal is besides on this machine, and what others ask of the run from there."""

    async def settle(self) -> None:
        """All entries that the journal has when this is called are in the copy when it returns.

        Raises:
            HaltedError: that cannot be done, so nothing that the entries announce may be done; LeaseLostError (one of them)
                where the run is no longer ours.
        """
        ...

    async def requested(self) -> str | None:
        """``pause`` or ``abort``, where someone asked for that.

        Raises:
            LeaseLostError: the run is no longer ours.
        """
        ...

    async def clear_request(self) -> None:
        """It was followed."""
        ...


class NoCopy:
    """Of a run that concerns this machine alone: on a twin."""

    async def settle(self) -> None: ...

    async def requested(self) -> str | None:
        return None

    async def clear_request(self) -> None: ...
