"""The forms of a precheck for machines and tickets."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.checks.hazards.catalogue import RULES
from resail.models.finding import Finding, FindingObject
from resail.models.precheck import NotEvaluated, Precheck, Question
from resail.report.precheck import render_precheck

texts = st.text(max_size=30)
places = st.builds(FindingObject, st.sampled_from(["Service", "Node"]), st.sampled_from(["", "shop"]), texts, texts)
findings = st.builds(
    Finding,
    st.sampled_from(["cannot-be-planned", *(rule.hazard.id for rule in RULES)]),
    st.sampled_from(["blocker", "warning", "info"]),
    texts,
    st.lists(places, max_size=2).map(tuple),
    texts,
    texts,
    st.sampled_from(["", "https://istio.io/"]),
)


def result_of(found: list[Finding]) -> Precheck:
    return Precheck(
        verdict="ready",
        from_version="1.26.0",
        to_version="1.27.9",
        strategy="canary",
        hops=("1.27.9",),
        findings=tuple(found),
        waived=(),
        not_evaluated=(NotEvaluated("unknown-one", "not | rendered"),),
        checklist=(Question("ci", "Which <istioctl>?", "it matters"),),
    )


@given(st.lists(findings, max_size=4))
def test_sarif_has_each_finding_with_its_rule(found: list[Finding]) -> None:
    """As code scanners demand it: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html"""
    document: dict[str, Any] = json.loads(render_precheck(result_of(found), "sarif"))
    assert document["version"] == "2.1.0"
    [run] = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({finding.id for finding in found})
    for finding, told in zip(found, run["results"], strict=True):
        assert rules[told["ruleIndex"]]["id"] == told["ruleId"] == finding.id
        assert told["level"] == {"blocker": "error", "warning": "warning", "info": "note"}[finding.severity]
        assert [one["logicalLocations"][0]["fullyQualifiedName"] for one in told["locations"]] == list(map(str, finding.objects))


@given(st.lists(findings, min_size=1, max_size=4))
def test_markdown_keeps_to_its_tables(found: list[Finding]) -> None:
    """No text of a cluster's own breaks a row."""
    text = render_precheck(result_of(found), "md")
    rows = [line for line in text.split("\n") if line.startswith("| ")]
    assert len([row for row in rows if not row.startswith(("| ---", "| Finding", "| Hazard", "| unknown-one"))]) >= len(found)
    assert all(row.replace("\\|", "").count(" | ") in (1, 4) for row in rows)


@pytest.mark.parametrize("wanted", ["# Precheck of Istio 1.26.0 → 1.27.9: ready", "- [ ] Which \\<istioctl\\>? (it matters)"])
def test_markdown_for_a_ticket(wanted: str) -> None:
    assert wanted in render_precheck(result_of([]), "md").split("\n")
