"""When a mesh may be written to, and what of it needs care: maintenance windows, freezes, critical workloads."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from resail.models.identity import ObjectRef

__all__ = ["Calendar", "CriticalWorkload", "Freeze", "Window"]

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_Clock = Annotated[str, msgspec.Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
_Minutes = Annotated[int, msgspec.Meta(ge=0, le=24 * 60)]
_FAR = 15
"""Days: each window opens once in two weeks, even where a change of clocks swallows it in one."""


class Window(msgspec.Struct, frozen=True, kw_only=True, rename={"begin": "from", "end": "to"}, forbid_unknown_fields=True):
    """Hours on some days of each week."""

    days: Annotated[tuple[Day, ...], msgspec.Meta(min_length=1)] = _DAYS
    """On which it opens."""
    begin: _Clock | _Minutes
    """``22:00``, on the clocks of its zone; or minutes since midnight, which YAML makes of an unquoted 22:00."""
    end: _Clock | _Minutes
    """Exclusive. Not after ``from``: on the next day."""
    timezone: str = "UTC"
    """An IANA name, ``Europe/Berlin``."""

    def __post_init__(self) -> None:
        """Refuse a zone that is not known.

        Raises:
            ValueError: it is not, or this machine has no zones.
        """
        _zone(self.timezone)

    def open_at(self, moment: datetime) -> bool:
        """Is it open at this moment, which has a zone?"""
        return any(begin <= moment < end for begin, end in self._openings(moment, -1, 0))

    def opens_after(self, moment: datetime) -> datetime | None:
        """The moment, where it is open then, else when it opens next; None where it does not within two weeks."""
        if self.open_at(moment):
            return moment
        return min((begin for begin, end in self._openings(moment, -1, _FAR) if moment < begin < end), default=None)

    def _openings(self, moment: datetime, first: int, last: int) -> Iterator[tuple[datetime, datetime]]:
        """From and to of each opening on some days around a moment, in UTC."""
        zone = _zone(self.timezone)
        begin, end = _minutes(self.begin), _minutes(self.end)
        here = moment.astimezone(zone).date()
        for offset in range(first, last + 1):
            day = here + timedelta(days=offset)
            if _DAYS[day.weekday()] in self.days:
                yield _at(day, begin, zone), _at(day, end if end > begin else end + 24 * 60, zone)

    def __str__(self) -> str:
        """For people."""
        days = "each day" if set(self.days) == set(_DAYS) else ", ".join(day for day in _DAYS if day in self.days)
        return f"{days} {_clock(self.begin)} to {_clock(self.end)} {self.timezone}"


class Freeze(msgspec.Struct, frozen=True, kw_only=True, rename={"begin": "from", "end": "to"}, forbid_unknown_fields=True):
    """Days on which nothing is changed."""

    begin: date
    end: date
    """Inclusive."""
    reason: str
    timezone: str = "UTC"
    """Whose days they are."""

    def __post_init__(self) -> None:
        """Refuse what is no span of days.

        Raises:
            ValueError: it ends before it begins, or its zone is not known.
        """
        _zone(self.timezone)
        if self.end < self.begin:
            raise ValueError(f"a freeze from {self.begin} to {self.end} ends before it begins")

    def holds_at(self, moment: datetime) -> bool:
        """Is this moment within it?"""
        return self.begin <= moment.astimezone(_zone(self.timezone)).date() <= self.end

    def __str__(self) -> str:
        return f"{self.begin} to {self.end}: {self.reason}"


class CriticalWorkload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Workloads whose restarts somebody wants to know of: shell patterns, in which ``*`` stands for anything."""

    namespace: str = "*"
    kind: str = "*"
    name: str = "*"

    def fits(self, workload: ObjectRef) -> bool:
        """Is it one of them?"""
        parts = ((workload.namespace, self.namespace), (workload.kind, self.kind), (workload.name, self.name))
        return all(fnmatchcase(text, pattern) for text, pattern in parts)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"


class Calendar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What users say of when to upgrade."""

    windows: tuple[Window, ...] = ()
    """Without one each moment will do."""
    freezes: tuple[Freeze, ...] = ()
    critical: tuple[CriticalWorkload, ...] = ()

    def open_at(self, moment: datetime) -> bool:
        """Is a window open at this moment, which has a zone, and no freeze on?"""
        return self.window_at(moment) and not any(freeze.holds_at(moment) for freeze in self.freezes)

    def window_at(self, moment: datetime) -> bool:
        """Is a window open, whatever is frozen?"""
        return not self.windows or any(window.open_at(moment) for window in self.windows)

    def opens_after(self, moment: datetime) -> datetime | None:
        """When the next window opens, whatever is frozen; None where none does within two weeks."""
        if not self.windows:
            return moment
        return min((opening for one in self.windows if (opening := one.opens_after(moment))), default=None)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        raise ValueError(f"{name!r} is not the name of a time zone, such as Europe/Berlin") from None


def _minutes(clock: str | int) -> int:
    if isinstance(clock, int):
        return clock
    hours, _, minutes = clock.partition(":")
    return 60 * int(hours) + int(minutes)


def _clock(clock: str | int) -> str:
    hours, minutes = divmod(_minutes(clock), 60)
    return f"{hours:02}:{minutes:02}"


def _at(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """What the clocks show, in UTC: where they show it twice, the first time; where they jump over it, as if they had not."""
    days, rest = divmod(minutes, 24 * 60)
    return datetime.combine(day + timedelta(days=days), time(*divmod(rest, 60)), zone).astimezone(UTC)
