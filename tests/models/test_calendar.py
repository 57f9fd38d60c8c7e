"""Windows, freezes and critical workloads."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.models.calendar import Calendar, CriticalWorkload, Freeze, Window
from resail.models.identity import ObjectRef
from resail.models.plain_yaml import read_yaml

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
clocks = st.integers(0, 24 * 60)
windows = st.builds(
    Window,
    days=st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True).map(tuple),
    begin=clocks,
    end=clocks,
    timezone=st.sampled_from(ZONES),
)


def read(text: str) -> Calendar:
    return msgspec.convert(read_yaml(text), Calendar)


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN)  # type: ignore[misc,arg-type]


def test_a_calendar_as_it_is_written() -> None:
    calendar = read("""
        windows:
          - {days: [sat, sun], from: 22:00, to: "04:00", timezone: Europe/Berlin}
        freezes:
          - {from: 2026-12-20, to: 2027-01-06, reason: year-end}
        critical:
          - {namespace: payments, kind: StatefulSet}
          - {name: "ledger-*"}
    """)
    assert calendar.windows == (Window(days=("sat", "sun"), begin=1320, end="04:00", timezone="Europe/Berlin"),)
    assert calendar.freezes == (Freeze(begin=date(2026, 12, 20), end=date(2027, 1, 6), reason="year-end"),)
    assert [str(one) for one in calendar.critical] == ["payments/StatefulSet/*", "*/*/ledger-*"]
    assert str(calendar.windows[0]) == "sat, sun 22:00 to 04:00 Europe/Berlin"


@pytest.mark.parametrize(
    "text",
    [
        "windows: [{from: '25:00', to: '04:00'}]",
        "windows: [{from: 22:00, to: 04:00, timezone: Europe/Nowhere}]",
        "windows: [{from: 22:00, to: 04:00, timezone: ../etc/passwd}]",
        "windows: [{from: 22:00, to: 04:00, days: []}]",
        "windows: [{from: 22:00, to: 04:00, days: [sunday]}]",
        "windows: [{from: 22:00}]",
        "freezes: [{from: 2027-01-06, to: 2026-12-20, reason: year-end}]",
        "freezes: [{from: 2026-12-20, to: 2027-01-06}]",
        "critical: [{names: x}]",
    ],
)
def test_what_is_no_calendar_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(text)


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        (berlin(2026, 11, 28, 21, 59), False),
        (berlin(2026, 11, 28, 22, 0), True),
        (berlin(2026, 11, 29, 3, 59), True),
        (berlin(2026, 11, 29, 4, 0), False),
        (berlin(2026, 11, 30, 3, 59), False),
        (datetime(2026, 11, 28, 21, 0, tzinfo=UTC), True),
        (datetime(2026, 7, 25, 20, 0, tzinfo=UTC), True),
        (datetime(2026, 7, 25, 19, 59, tzinfo=UTC), False),
    ],
)
def test_a_window_over_midnight_is_that_of_its_first_day(moment: datetime, open_: bool) -> None:
    assert Window(days=("sat",), begin="22:00", end="04:00", timezone="Europe/Berlin").open_at(moment) is open_


def test_a_window_that_ends_when_it_begins_is_a_whole_day() -> None:
    window = Window(days=("sat",), begin="00:00", end="24:00")
    same = Window(days=("sat",), begin="00:00", end="00:00")
    for hours in range(-30, 60):
        moment = datetime(2026, 11, 28, tzinfo=UTC) + timedelta(hours=hours)
        assert window.open_at(moment) is same.open_at(moment) is (0 <= hours < 24)


def test_clocks_that_jump_forward_and_back() -> None:
    night = Window(begin="01:30", end="03:30", timezone="Europe/Berlin")
    spring, autumn = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)
    opened = [[night.open_at(day + timedelta(minutes=30 * half)) for half in range(8)] for day in (spring, autumn)]
    assert opened[0] == [False, True, True, False, False, False, False, False]
    assert opened[1] == [True, True, True, True, True, False, False, False]


@given(windows, moments)
def test_what_opens_next_is_open_and_nothing_is_before(window: Window, moment: datetime) -> None:
    opening = window.opens_after(moment)
    assert opening is not None
    assert window.open_at(opening)
    assert not window.open_at(opening - timedelta(seconds=1)) or opening == moment or window.open_at(moment)
    for part in range(1, 40):
        assert not window.open_at(moment + (opening - moment) * part / 40 - timedelta(microseconds=1)) or opening == moment


@given(windows, moments, st.sampled_from(ZONES))
def test_a_moment_is_the_same_in_each_zone(window: Window, moment: datetime, zone: str) -> None:
    assert window.open_at(moment) is window.open_at(moment.astimezone(ZoneInfo(zone)))


@given(st.lists(windows, max_size=3), moments)
def test_a_calendar_is_open_where_one_of_its_windows_is(some: list[Window], moment: datetime) -> None:
    calendar = Calendar(windows=tuple(some))
    assert calendar.open_at(moment) is (not some or any(one.open_at(moment) for one in some))
    assert (calendar.opens_after(moment) == moment) is calendar.open_at(moment)


@given(windows)
def test_a_window_is_written_and_read(window: Window) -> None:
    assert msgspec.json.decode(msgspec.json.encode(window), type=Window) == window


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 40), st.sampled_from(ZONES), st.integers(-60, 60))
def test_a_freeze_has_its_first_and_its_last_day(begin: date, length: int, zone: str, offset: int) -> None:
    freeze = Freeze(begin=begin, end=begin + timedelta(days=length), reason="-", timezone=zone)
    noon = datetime(begin.year, begin.month, begin.day, 12, tzinfo=ZoneInfo(zone)) + timedelta(days=offset)
    assert freeze.holds_at(noon.astimezone(UTC)) is (0 <= offset <= length)


def test_a_freeze_closes_a_window() -> None:
    freeze = Freeze(begin=date(2026, 12, 20), end=date(2027, 1, 6), reason="year-end")
    calendar = Calendar(freezes=(freeze,))
    assert calendar.open_at(datetime(2026, 12, 19, 23, 59, tzinfo=UTC))
    assert not calendar.open_at(datetime(2026, 12, 20, tzinfo=UTC))
    assert calendar.window_at(datetime(2026, 12, 20, tzinfo=UTC))


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({}, True),
        ({"namespace": "shop"}, True),
        ({"name": "ca*"}, True),
        ({"kind": "StatefulSet"}, False),
        ({"name": "c"}, False),
    ],
)
def test_a_critical_workload_by_patterns(pattern: dict[str, Any], fits: bool) -> None:
    assert CriticalWorkload(**pattern).fits(ObjectRef("apps/v1", "Deployment", "shop", "cart")) is fits
