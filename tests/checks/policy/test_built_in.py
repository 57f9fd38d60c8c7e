"""The rules that come with resail: each finds what it is for, is silent where one field differs, and on Istio's own charts."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from resail.checks.policy.pairs import Pair
from resail.checks.policy.places import anchor
from resail.checks.policy.review import review
from resail.checks.policy.rules import built_in_rules
from resail.checks.policy.trial import try_rules
from resail.models.field_path import resolve
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.policy import RuleTest, RuleTests
from resail.models.rendering import RenderRequest
from resail.operations.site import read_settings
from resail.releases.rendering import open_renderer
from resail.releases.store import default_store

TESTS = read_settings(Path(__file__).with_name("built_in_tests.yaml"), RuleTests).tests
RULES = built_in_rules()


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.name)
def test_a_rule_says_what_it_should(test: RuleTest) -> None:
    [trial] = try_rules([test], RULES)
    assert trial.outcome == trial.expected, trial


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_has_a_violation_and_a_near_miss(rule: Any) -> None:
    expected = [test.expect for test in TESTS if test.rule == rule.id]
    assert {"violation", "pass"} <= set(expected)


@pytest.mark.parametrize("test", [test for test in TESTS if test.expect == "violation"], ids=lambda test: test.name)
def test_a_finding_points_at_a_field_that_is_there(test: RuleTest) -> None:
    assert test.object is not None
    rule = next(rule for rule in RULES if rule.id == test.rule)
    for finding in review([Pair(test.object, test.running)], (), (), [rule]):
        [place] = finding.objects
        assert (finding.id, finding.severity) == (f"policy/{rule.id}", rule.severity)
        resolve(test.object, place.field)
        assert place.field == anchor(test.object, place.field)
        assert place.field in finding.evidence


@pytest.mark.bed
async def test_the_charts_own_defaults_are_no_reason_to_worry() -> None:
    rendered = [await _rendered(version) for version in ("1.24.0", "1.25.1", "1.26.0", "1.27.9")]
    for before, after in pairwise(rendered):
        pairs = [Pair(one, before.get(ref)) for ref, one in after.items()]
        assert len(pairs) > 40
        assert sum(pair.running is not None for pair in pairs) > 40
        found = review(pairs, (), (), RULES)
        # The agent of the CNI plugin got one more capability in 1.25.
        assert {(one.id, one.severity) for one in found} <= {("policy/added-capabilities", "info")}, found


async def _rendered(version: str) -> dict[ObjectRef, Manifest]:
    release = default_store().get(IstioVersion.parse(version), print)
    async with open_renderer() as renderer:
        objects = [
            one
            for chart in ("base", "istiod", "cni", "ztunnel", "gateway")
            for one in await renderer.render(Path(release.directory), RenderRequest(chart, chart, "istio-system", {}, "1.31.0"))
        ]
    return {ObjectRef.of(one): one for one in objects}
