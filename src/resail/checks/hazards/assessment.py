"""All rules over one case."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.span import within
from resail.models.encoding import canonical_json
from resail.models.field_path import first
from resail.models.finding import Finding, FindingObject, Severity
from resail.models.precheck import NotEvaluated

__all__ = ["Assessment", "applies", "assess", "merged", "shown"]

_LONGEST = 160


class Assessment(msgspec.Struct, frozen=True):
    """What the rules found."""

    findings: tuple[Finding, ...]
    """Sorted."""
    not_evaluated: tuple[NotEvaluated, ...]
    """Sorted."""


def assess(case: Case, rules: Iterable[Rule]) -> Assessment:
    """Apply each rule that concerns this hop and mesh."""
    findings: set[Finding] = set()
    unknown: set[NotEvaluated] = set()
    for rule in rules:
        if applies(rule.hazard, case):
            try:
                findings.update(_finding(rule.hazard, sign) for sign in rule.find(case))
            except Unknown as reason:
                unknown.add(NotEvaluated(rule.hazard.id, str(reason)))
    return Assessment(tuple(sorted(findings)), tuple(sorted(unknown)))


def applies(hazard: Hazard, case: Case) -> bool:
    """Is a hop of this mesh within what a hazard is about?"""
    return (
        within(case.installed, hazard.installed)
        and within(case.target, hazard.target)
        and case.strategy in hazard.strategies
        and bool(case.modes & set(hazard.modes))
        and (not case.methods or bool(case.methods & set(hazard.methods)))
    )


def shown(value: Any) -> str:
    """A value as evidence has it: JSON, cut where it is long."""
    text = canonical_json(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _finding(hazard: Hazard, sign: Sign) -> Finding:
    return Finding(
        id=hazard.id,
        severity=_severity(hazard, sign),
        message=sign.message if hazard.proof == "provable" else f"a sign, no proof: {sign.message}",
        objects=tuple(map(_place, sign.seen)),
        evidence="; ".join(map(_evidence, sign.seen)),
        fix=sign.fix or hazard.fix,
        source=hazard.sources[0],
    )


def _severity(hazard: Hazard, sign: Sign) -> Severity:
    severity = sign.severity or hazard.severity
    return "warning" if severity == "blocker" and hazard.proof == "indicative" else severity


def _place(seen: Seen) -> FindingObject:
    metadata: dict[str, Any] = seen.object.get("metadata") or {}
    return FindingObject(seen.object["kind"], metadata.get("namespace", ""), metadata.get("name", ""), seen.path)


def _evidence(seen: Seen) -> str:
    if not seen.path:
        return f"{_place(seen)} is there"
    return f"{seen.path}: {shown(first(seen.object, seen.path))}"


def merged(assessments: Sequence[Assessment]) -> Assessment:
    """Of several hops: what is found in more than one is told once."""
    return Assessment(
        tuple(sorted({one for each in assessments for one in each.findings})),
        tuple(sorted({one for each in assessments for one in each.not_evaluated})),
    )
