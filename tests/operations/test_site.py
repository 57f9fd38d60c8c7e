"""The configuration file: what it may hold, and one clear sentence for each thing that it may not."""

from datetime import date
from pathlib import Path

import pytest

from resail.errors import ArtifactError, UsageError
from resail.models.calendar import Calendar, CriticalWorkload, Freeze, Window
from resail.models.policy import Policy, Rule
from resail.models.site import Site
from resail.models.waiver import Waiver
from resail.operations.site import read_site

WHOLE = """
policy:
  rules:
    - id: no-node-ports
      severity: warning
      message: it opens ports of nodes
      match: [Service]
      field: spec.type
      expression: value != 'NodePort'
  disable: [requests-missing]
waivers:
  - {id: N10, object: "shop/ServiceEntry/*", reason: checked by hand, expires: 2026-12-31}
fail_on: warning
windows:
  - {days: [sat], from: 22:00, to: "04:00", timezone: Europe/Berlin}
freezes:
  - {from: 2026-12-20, to: 2027-01-06, reason: year-end}
critical_workloads:
  - {namespace: payments}
"""


def test_a_file_with_all_sections(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(WHOLE)
    rule = Rule(
        id="no-node-ports",
        severity="warning",
        message="it opens ports of nodes",
        match=("Service",),
        field="spec.type",
        expression="value != 'NodePort'",
    )
    site = read_site(path)
    assert site == Site(
        policy=Policy(rules=(rule,), disable=("requests-missing",)),
        waivers=(Waiver(id="N10", object="shop/ServiceEntry/*", reason="checked by hand", expires=date(2026, 12, 31)),),
        fail_on="warning",
        windows=(Window(days=("sat",), begin=1320, end="04:00", timezone="Europe/Berlin"),),
        freezes=(Freeze(begin=date(2026, 12, 20), end=date(2027, 1, 6), reason="year-end"),),
        critical_workloads=(CriticalWorkload(namespace="payments"),),
    )
    assert site.calendar == Calendar(windows=site.windows, freezes=site.freezes, critical=site.critical_workloads)


def test_the_file_of_the_working_directory_is_read_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_site(None) == Site()
    (tmp_path / "resail.yaml").write_text("fail_on: info")
    assert read_site(None) == Site(fail_on="info")


def test_an_empty_file_settles_nothing(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("# nothing yet\n")
    assert read_site(tmp_path / "site.yaml") == Site()


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_site(tmp_path / "site.yaml")


RULE = "policy: {rules: [{id: mine, severity: info, message: it is so, expression: EXPRESSION}]}"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("fail_on: never", "fail_on", "invalid enum value 'never'"),
        ("failon: info", "", "unknown field `failon`"),
        ("- a", "", "expected `object`, got `array`"),
        ("policy:\n\trules: []", "line 2, column 1", "tab"),
        ("policy: {rules: [\n", "line 2, column 1", "YAML"),
        ("policy: {rule: []}", "policy", "unknown field `rule`"),
        ("policy: {rules: [{id: mine}]}", "policy.rules[0]", "missing required field `severity`"),
        (RULE.replace("mine", "Mine"), "policy.rules[0].id", "regex"),
        (RULE.replace("severity: info", "severity: error"), "policy.rules[0].severity", "invalid enum value 'error'"),
        (RULE.replace("EXPRESSION", "x, lost: true"), "policy.rules[0]", "`lost` is for rules about a field"),
        (RULE.replace("EXPRESSION", "1"), "policy.rules[0].expression", "expected `str`, got `int`"),
        (RULE.replace("EXPRESSION", '"true &&"'), "rule mine, line 1, column 8 of its expression", "not an expression of CEL"),
        (RULE.replace("EXPRESSION", '"1"'), "rule mine", "gives a value of type int"),
        (RULE.replace("mine", "service-type"), "rule service-type", "another rule has this id"),
        ("policy: {disable: [nothing]}", "policy.disable", "no built-in rule 'nothing'"),
        ("policy: {tests: [{name: a, rule: b, expect: pass}]}", "policy.tests[0]", "has one of `object`"),
        ("policy: {tests: [{name: a, rule: b, expect: pass, step: {}, running: {}}]}", "policy.tests[0]", "`running` goes with"),
        ("waivers: [{id: N10, expires: 2026-12-31}]", "waivers[0]", "missing required field `reason`"),
        ("waivers: [{id: N10, reason: ' ', expires: 2026-12-31}]", "waivers[0]", "needs a reason"),
        ("waivers: [{id: N10, reason: so}]", "waivers[0]", "missing required field `expires`"),
        ("waivers: [{id: N10, reason: so, expires: 2026-02-30}]", "waivers[0].expires", "date"),
        ("waivers: [{id: N10, reason: so, expires: next week}]", "waivers[0].expires", "date"),
        ("waivers: [{id: N10, reason: so, expires: 2026-12-31, object: web}]", "waivers[0]", "neither namespace/Kind/name"),
        ("windows: [{from: 25, to: x}]", "windows[0].to", "expected"),
        ("freezes: [{from: 2027-01-06, to: 2026-12-20, reason: so}]", "freezes[0]", "ends before it begins"),
        ("critical_workloads: [{labels: {}}]", "critical_workloads[0]", "unknown field `labels`"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(tmp_path: Path, text: str, place: str, words: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_site(path)
    assert caught.value.on == (f"{path}, {place}" if place else str(path))
    assert words in caught.value.what
    assert caught.value.next_step


def test_a_disabled_rule_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        RULE.replace("mine", "service-type")
        .replace("EXPRESSION", '"true"')
        .replace("policy: {", "policy: {disable: [service-type], ")
    )
    assert read_site(path).policy.disable == ("service-type",)
