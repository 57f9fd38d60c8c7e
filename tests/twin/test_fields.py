"""Paths of fields, schedules, selectors: forms that are read and written."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.models.selector import Selector
from resail.twin.fields import dropped, from_fields_v1, leaves, merged, shown, to_fields_v1
from resail.twin.schedule import is_schedule, next_time

NAMES = st.sampled_from(["one", "two", "three"])
CONTAINERS = st.lists(
    st.fixed_dictionaries({"name": NAMES, "image": NAMES}), max_size=3, unique_by=lambda container: container["name"]
)
OBJECTS = st.fixed_dictionaries(
    {"metadata": st.fixed_dictionaries({"name": NAMES, "labels": st.dictionaries(NAMES, NAMES)})},
    optional={"spec": st.fixed_dictionaries({"containers": CONTAINERS, "selector": st.dictionaries(NAMES, NAMES)})},
)


@given(OBJECTS)
def test_managed_fields_hold_every_path(manifest: dict[str, object]) -> None:
    paths = set(leaves(manifest))
    assert from_fields_v1(to_fields_v1(paths)) == paths


@given(OBJECTS, OBJECTS)
def test_what_is_applied_is_there_and_can_be_taken_away(live: dict[str, object], applied: dict[str, object]) -> None:
    both = merged(live, applied)
    found, wanted = leaves(both), leaves(applied)
    assert {path: found[path] for path in wanted if wanted[path] != {} and wanted[path] != []} == {
        path: value for path, value in wanted.items() if value not in ({}, [])
    }
    assert not set(wanted) & set(leaves({"metadata": {}, **dropped(both, wanted)}))


def test_paths_are_shown_as_the_api_server_shows_them() -> None:
    service = {"metadata": {"labels": {"istio.io/rev": "a"}}, "spec": {"ports": [{"port": 80, "name": "http"}]}}
    assert sorted(map(shown, leaves(service))) == [
        ".metadata.labels.istio.io/rev",
        '.spec.ports[port=80,protocol="TCP"]',
        '.spec.ports[port=80,protocol="TCP"].name',
        '.spec.ports[port=80,protocol="TCP"].port',
    ]


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        ("15 3 * * *", "2026-01-01T03:15", "2026-01-02T03:15"),
        ("*/20 * * * *", "2026-01-01T03:15", "2026-01-01T03:20"),
        ("0 0 29 2 *", "2026-01-01T00:00", "2028-02-29T00:00"),
        ("0 9 * * MON-FRI", "2026-01-02T10:00", "2026-01-05T09:00"),
        ("0 0 13 * 5", "2026-01-01T12:00", "2026-01-02T00:00"),
        ("@hourly", "2026-01-01T23:30", "2026-01-02T00:00"),
    ],
)
def test_schedules(schedule: str, after: str, due: str) -> None:
    found = next_time(schedule, datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "every night", "1 2 3 4", "a * * * *", "0 0 30 2"])
def test_what_is_no_schedule(text: str) -> None:
    assert not is_schedule(text)


LABELS = st.dictionaries(NAMES, NAMES)


@given(LABELS, st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]), NAMES, st.lists(NAMES, min_size=1), LABELS)
def test_a_selector_is_read_as_it_is_written(
    equal: dict[str, str], operator: str, key: str, values: list[str], labels: dict[str, str]
) -> None:
    requirement = {"key": key, "operator": operator, "values": values}
    selector = Selector.parse("")
    assert selector.fits(labels)
    selector = msgspec.convert({"matchLabels": equal, "matchExpressions": [requirement]}, Selector)
    assert Selector.parse(str(selector)).fits(labels) == selector.fits(labels)
