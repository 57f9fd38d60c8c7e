"""Times and durations as people read them."""

from datetime import datetime

__all__ = ["clock_time", "duration", "seconds_as_words"]


def clock_time(time: datetime | None) -> str:
    """``2026-01-31 12:00:05 UTC``; empty for None."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else ""


def duration(started: datetime | None, ended: datetime | None) -> str:
    """From the one to the other; empty where one of the two is not known."""
    if started is None or ended is None:
        return ""
    return seconds_as_words(max((ended - started).total_seconds(), 0.0))


def seconds_as_words(seconds: float) -> str:
    """``4.2 s``, ``3 min 07 s``, ``1 h 05 min``."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
