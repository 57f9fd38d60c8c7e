"""Each hazard is found where it is, with evidence that stands where the finding says, and not in a near miss."""

from typing import Any

import pytest

from resail.checks.hazards.assessment import assess, shown
from resail.checks.hazards.case import Case
from resail.checks.hazards.catalogue import RULES
from resail.models.field_path import resolve
from resail.models.finding import Finding, FindingObject
from resail.models.identity import Manifest
from tests.checks.hazards.scenario import NearMiss, case_of, near_miss_of, raw_scenarios, read

SCENARIOS = [pytest.param(name, raw, id=f"{name}-{number}") for name, number, raw in raw_scenarios()]
NEAR_MISSES = [
    pytest.param(name, raw, NearMiss(**miss), id=f"{name}-{number}-{miss['at']}")
    for name, number, raw in raw_scenarios()
    for miss in raw["near_misses"]
]


def findings_of(case: Case, name: str) -> tuple[Finding, ...]:
    """Of the one hazard; it must have been evaluated."""
    [rule] = [rule for rule in RULES if rule.hazard.id == name]
    assessed = assess(case, [rule])
    assert not assessed.not_evaluated
    return assessed.findings


def holders_of(case: Case, where: FindingObject) -> list[Manifest]:
    """The objects that a finding may mean."""
    objects: list[Manifest] = [one for kind in case.objects.by_kind.values() for one in kind]
    objects += [part.source for part in case.parts] + [one for part in case.parts for one in part.rendered or ()]
    objects += [one for part in case.parts for one in part.running]
    objects += [case.cluster] + ([] if case.steps is None else [case.plan])

    def fits(manifest: Manifest) -> bool:
        metadata = manifest.get("metadata") or {}
        named = (manifest["kind"], metadata.get("namespace", ""), metadata.get("name", ""))
        return named == (where.kind, where.namespace, where.name)

    return [manifest for manifest in objects if fits(manifest)]


@pytest.mark.parametrize(("name", "raw"), SCENARIOS)
async def test_a_hazard_is_found_with_its_evidence(name: str, raw: dict[str, Any]) -> None:
    scenario = read(raw)
    case = await case_of(scenario)
    findings = findings_of(case, name)

    told = {(one.severity, named(where), where.field) for one in findings for where in one.objects}
    for expected in scenario.found:
        assert (expected.severity, expected.object, expected.field) in told, f"{expected} is not among {told}"
    for finding in findings:
        assert finding.fix
        assert finding.source
        assert finding.objects
        for where in finding.objects:
            assert stands_there(case, finding, where), f"{where} is not in the objects with the evidence {finding.evidence}"


def stands_there(case: Case, finding: Finding, where: FindingObject) -> bool:
    for holder in holders_of(case, where):
        if not where.field:
            return True
        try:
            if f"{where.field}: {shown(resolve(holder, where.field))}" in finding.evidence:
                return True
        except LookupError:
            continue
    return False


@pytest.mark.parametrize(("name", "raw", "miss"), NEAR_MISSES)
async def test_a_near_miss_is_not_found(name: str, raw: dict[str, Any], miss: NearMiss) -> None:
    case = await case_of(near_miss_of(raw, miss))

    [rule] = [rule for rule in RULES if rule.hazard.id == name]
    assert assess(case, [rule]).findings == ()


def test_each_hazard_has_scenarios_and_each_scenario_a_near_miss() -> None:
    assert {name for name, _, _ in raw_scenarios()} == {rule.hazard.id for rule in RULES}
    assert [name for name, number, raw in raw_scenarios() if not raw["near_misses"]] == []


def named(where: FindingObject) -> str:
    return f"{where.kind}/{where.namespace}/{where.name}" if where.namespace else f"{where.kind}/{where.name}"
