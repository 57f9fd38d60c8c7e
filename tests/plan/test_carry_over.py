"""Values are carried over; pins to the old version are not."""

from typing import Any

import pytest

from resail.models.identity import IstioVersion
from resail.plan.values import carry_over, has_path, merged
from tests.plan.meshes import mesh

OLD, NEW = IstioVersion(1, 26, 0), IstioVersion(1, 27, 9)


def carried(values: dict[str, Any], wishes: dict[str, Any] | None = None) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    (release,) = mesh(values=values).helm_releases
    result, findings = carry_over(release, [OLD], NEW, wishes or {})
    return result, [(finding.id, finding.severity) for finding in findings]


def test_what_the_user_set_stays() -> None:
    values = {"pilot": {"replicaCount": 3}, "meshConfig": {"accessLogFile": "/dev/stdout"}}
    assert carried(values) == (values, [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"global": {"tag": "1.26.0"}}, {"global": {"tag": "1.27.9"}}),
        ({"global": {"tag": "1.26.0-distroless"}}, {"global": {"tag": "1.27.9-distroless"}}),
        (
            {"pilot": {"image": "mirror.example.com/istio/pilot:1.26.0"}},
            {"pilot": {"image": "mirror.example.com/istio/pilot:1.27.9"}},
        ),
    ],
)
def test_a_pin_to_the_old_version_moves_and_is_told(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert carried(old) == (new, [("image-pin-moved", "info")])


@pytest.mark.parametrize("values", [{"global": {"tag": "1.25.3"}}, {"pilot": {"image": "mirror.example.com/pilot:special"}}])
def test_a_pin_to_anything_else_blocks(values: dict[str, Any]) -> None:
    assert carried(values)[1] == [("image-pinned", "blocker")]


def test_a_pin_that_the_user_replaces_does_not_block() -> None:
    assert carried({"global": {"tag": "1.25.3"}}, {"global": {"tag": "1.27.9"}})[1] == []
    assert carried({"global": {"tag": "1.25.3"}}, {"global": {"tag": None}}) == ({"global": {}}, [])


def test_an_image_without_a_tag_is_no_pin() -> None:
    values = {"global": {"proxy": {"image": "proxyv2"}}, "pilot": {"image": "localhost:5000/pilot"}}
    assert carried(values) == (values, [])


def test_merging_does_not_touch_what_it_is_given() -> None:
    below = {"a": {"b": 1, "c": 2}}
    assert merged(below, {"a": {"b": None, "d": [3]}}) == {"a": {"c": 2, "d": [3]}}
    assert below == {"a": {"b": 1, "c": 2}}


def test_paths() -> None:
    assert has_path({"base": {"validationFailurePolicy": ""}}, "base.validationFailurePolicy")
    assert not has_path({"base": 3}, "base.validationFailurePolicy")
