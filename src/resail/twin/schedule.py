"""When a CronJob is due: the five fields of cron."""

from datetime import datetime, timedelta

__all__ = ["is_schedule", "next_time"]

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_NAMES: tuple[dict[str, str], ...] = (
    {},
    {},
    {},
    {
        name: str(number)
        for number, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
    },
    {name: str(number) for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])},
)
_HORIZON = 366 * 5  # days after which no time is looked for: no leap day is further away


def next_time(schedule: str, after: datetime) -> datetime | None:
    """The first minute after ``after`` at which it is due; None where there is none, or it cannot be read."""
    try:
        minutes, hours, days, months, weekdays = _fields(schedule)
    except ValueError:
        return None
    _, _, day_text, _, weekday_text = _ALIASES.get(schedule, schedule).split()
    # Where both are restricted, either will do.
    either = not day_text.startswith("*") and not weekday_text.startswith("*")
    moment = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for _ in range(_HORIZON):
        by_day, by_weekday = moment.day in days, moment.isoweekday() % 7 in weekdays
        if moment.month in months and ((by_day or by_weekday) if either else (by_day and by_weekday)):
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    found = moment.replace(hour=hour, minute=minute)
                    if found >= moment:
                        return found
        moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
    return None


def is_schedule(text: str) -> bool:
    """Can it be read?"""
    try:
        _fields(text)
    except ValueError:
        return False
    return True


def _fields(schedule: str) -> list[frozenset[int]]:
    texts = _ALIASES.get(schedule, schedule).split()
    if len(texts) != len(_RANGES):
        raise ValueError(schedule)
    return [_field(text, *bounds, names) for text, bounds, names in zip(texts, _RANGES, _NAMES, strict=True)]


def _field(text: str, least: int, most: int, names: dict[str, str]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.upper().split(","):
        span, _, step = part.partition("/")
        first, _, last = (names.get(one, one) for one in span.partition("-"))
        if first in ("*", "?"):
            begin, end = least, most
        else:
            begin = int(first)
            end = int(last) if last else (most if step else begin)
        found |= {one % 7 if most == 6 else one for one in range(begin, end + 1, int(step or 1))}
    return frozenset(found)
