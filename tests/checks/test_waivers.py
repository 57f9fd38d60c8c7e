"""Waivers, and what findings come to."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.checks.verdict import verdict
from resail.checks.waivers import waive
from resail.models.finding import Finding, FindingObject, Severity
from resail.models.waiver import Waived, Waiver

TODAY = date(2026, 11, 25)
HERE = FindingObject("Service", "shop", "web", "spec.type")
FOUND = Finding("policy/service-type", "blocker", "it is so", (HERE,))


def waiver(**others: Any) -> Waiver:
    return Waiver(**{"id": FOUND.id, "reason": "until the proxy is there", "expires": date(2026, 12, 31), **others})


def test_a_waived_finding_is_told_with_reason_and_date() -> None:
    other = Finding("N10", "warning", "and so", (HERE,))
    assert waive([other, FOUND], [waiver()], TODAY) == (
        (other,),
        (Waived(FOUND, "until the proxy is there", date(2026, 12, 31)),),
        (),
    )


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("", True),
        ("shop/Service/web", True),
        ("shop/Service/*", True),
        ("*/*/w?b", True),
        ("Service/web", False),
        ("shop/service/web", False),
        ("shop/Service/we", False),
        ("other/Service/web", False),
        ("*/web", False),
    ],
)
def test_an_object_is_named_as_reports_name_it(pattern: str, fits: bool) -> None:
    findings, waived, about = waive([FOUND], [waiver(object=pattern)], TODAY)
    assert (findings, len(waived)) == (() if fits else (FOUND,), int(fits))
    assert [one.id for one in about] == ([] if fits else ["waiver-unused"])


def test_what_has_no_namespace_is_named_without_one() -> None:
    found = Finding("N10", "blocker", "", (FindingObject("Namespace", "", "shop"),))
    assert waive([found], [waiver(id="N10", object="Namespace/shop")], TODAY)[0] == ()
    assert waive([found], [waiver(id="N10", object="*/Namespace/shop")], TODAY)[0] == (found,)


def test_a_finding_is_waived_for_all_its_objects_or_not_at_all() -> None:
    both = Finding("N10", "blocker", "", (HERE, FindingObject("Service", "other", "web")))
    assert waive([both], [waiver(id="N10", object="shop/Service/web")], TODAY)[0] == (both,)
    assert waive([both], [waiver(id="N10", object="*/Service/web")], TODAY)[0] == ()


def test_a_finding_of_no_object_is_waived_by_its_id_alone() -> None:
    bare = Finding("cannot-be-planned", "blocker", "")
    assert waive([bare], [waiver(id=bare.id, object="*/*/*")], TODAY)[0] == (bare,)
    assert waive([bare], [waiver(id=bare.id)], TODAY)[0] == ()


@pytest.mark.parametrize(("day", "counts"), [(date(2026, 12, 30), True), (date(2026, 12, 31), True), (date(2027, 1, 1), False)])
def test_a_waiver_counts_to_the_end_of_its_last_day(day: date, counts: bool) -> None:
    findings, waived, about = waive([FOUND], [waiver()], day)
    assert (len(findings), len(waived)) == ((0, 1) if counts else (1, 0))
    assert [(one.id, one.severity) for one in about] == ([] if counts else [("waiver-expired", "warning")])


def test_what_is_said_of_waivers_points_into_their_file() -> None:
    *_, about = waive([FOUND], [waiver(expires=TODAY - timedelta(1)), waiver(id="N10")], TODAY, "site.yaml")
    assert [(one.id, one.objects) for one in about] == [
        ("waiver-expired", (FindingObject("Settings", "", "site.yaml", "waivers[0]"),)),
        ("waiver-unused", (FindingObject("Settings", "", "site.yaml", "waivers[1]"),)),
    ]
    assert "2026-11-24" in about[0].evidence
    assert "until the proxy is there" in about[0].evidence
    assert "1 finding counts again" in about[0].message


def test_the_first_waiver_that_counts_is_told() -> None:
    old, new, later = waiver(expires=TODAY - timedelta(1)), waiver(reason="new"), waiver(reason="later")
    findings, [waived], about = waive([FOUND], [old, new, later], TODAY)
    assert (findings, waived.reason) == ((), "new")
    # The one that ended has nothing to say of a finding that another one takes.
    assert [(one.id, one.objects[0].field) for one in about] == [("waiver-unused", "waivers[0]")]


@given(st.lists(st.sampled_from(["blocker", "warning", "info"])), st.sampled_from(["blocker", "warning", "info"]))
def test_what_blocks(severities: list[Severity], fail_on: Severity) -> None:
    rank = {"info": 0, "warning": 1, "blocker": 2}
    blocked = any(rank[one] >= rank[fail_on] for one in severities)
    assert verdict([Finding("x", one, "") for one in severities], fail_on) == ("blocked" if blocked else "ready")


@given(st.lists(st.sampled_from(["a", "b", "c"])), st.lists(st.tuples(st.sampled_from(["a", "b", "d"]), st.integers(-2, 2))))
def test_no_finding_is_lost(ids: list[str], waivers: list[tuple[str, int]]) -> None:
    found = [Finding(one, "warning", "") for one in ids]
    given = [waiver(id=name, expires=TODAY + timedelta(days)) for name, days in waivers]
    findings, waived, about = waive(found, given, TODAY)
    assert sorted([*findings, *(one.finding for one in waived)]) == sorted(found)
    valid = {name for name, days in waivers if days >= 0}
    assert {one.id for one in findings} == set(ids) - valid
    unused = [name for name, days in waivers if name not in ids or (days < 0 and name in valid)]
    assert sum(one.id == "waiver-unused" for one in about) == len(unused)
