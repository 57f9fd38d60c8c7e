"""A precheck as Markdown, for a change ticket, and as SARIF, for code scanners."""

from typing import Any, Literal

from resail import __version__
from resail.checks.hazards.catalogue import find_rule
from resail.models.encoding import pretty_json
from resail.models.finding import Finding
from resail.models.precheck import Precheck
from resail.models.waiver import Waived
from resail.report.markdown_text import escaped, markdown_table

__all__ = ["render_precheck"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HOME = "https://istio.io/latest/docs/setup/upgrade/"
_HEADS = ("Finding", "What", "Where", "Evidence", "Fix")
_LEVELS = {"blocker": "error", "warning": "warning", "info": "note"}


def render_precheck(result: Precheck, form: Literal["md", "sarif"]) -> str:
    """The whole document."""
    return _markdown(result) if form == "md" else pretty_json(_sarif(result)).decode()


def _markdown(result: Precheck) -> str:
    way = " → ".join((result.from_version, *(result.hops or (result.to_version,))))
    parts = [f"# Precheck of Istio {way}: {result.verdict}", f"Strategy: {result.strategy}"]
    for severity, title in (("blocker", "Blockers"), ("warning", "Warnings"), ("info", "Worth knowing")):
        found = [one for one in result.findings if one.severity == severity]
        if found:
            parts += [
                f"## {title} ({len(found)})",
                markdown_table(("Finding", "What", "Where", "Evidence", "Fix"), map(_row, found)),
            ]
    if result.waived:
        taken = [
            (escaped(one.finding.id), escaped(one.finding.message), escaped(one.reason), str(one.expires))
            for one in result.waived
        ]
        parts += [f"## Waived ({len(taken)})", markdown_table(("Finding", "What", "Reason", "Until"), taken)]
    if result.not_evaluated:
        rows = [(one.id, escaped(one.reason)) for one in result.not_evaluated]
        parts += [f"## Not evaluated ({len(rows)})", markdown_table(("Hazard", "Why"), rows)]
    if result.checklist:
        parts += ["## To see to", *(f"- [ ] {escaped(one.text)} ({escaped(one.reason)})" for one in result.checklist)]
    return "\n\n".join(parts) + "\n"


def _row(finding: Finding) -> tuple[str, ...]:
    name = f"[{finding.id}]({finding.source})" if finding.source.startswith("https://") else finding.id
    where = escaped(", ".join(map(str, finding.objects)))
    return name, escaped(finding.message), where, escaped(finding.evidence), escaped(finding.fix)


def _sarif(result: Precheck) -> dict[str, Any]:
    names = sorted({finding.id for finding in _all(result)})
    driver = {"name": "resail", "version": __version__, "informationUri": _HOME, "rules": [_rule(name, result) for name in names]}
    run = {
        "tool": {"driver": driver},
        "results": [
            *(_result(one, names.index(one.id)) for one in result.findings),
            *(_waived(one, names.index(one.finding.id)) for one in result.waived),
        ],
        "properties": {"verdict": result.verdict, "from": result.from_version, "to": result.to_version},
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str, result: Precheck) -> dict[str, Any]:
    rule = find_rule(name)
    if rule is None:
        first = next(finding for finding in _all(result) if finding.id == name)
        described: dict[str, Any] = {"id": name, "shortDescription": {"text": name.replace("-", " ")}}
        return {**described, "helpUri": first.source} if first.source else described
    hazard = rule.hazard
    return {
        "id": name,
        "shortDescription": {"text": hazard.title},
        "fullDescription": {"text": hazard.effect},
        "help": {"text": hazard.fix},
        "helpUri": hazard.sources[0],
        "defaultConfiguration": {"level": _LEVELS[hazard.severity]},
    }


def _all(result: Precheck) -> list[Finding]:
    return [*result.findings, *(one.finding for one in result.waived)]


def _waived(one: Waived, index: int) -> dict[str, Any]:
    justification = f"{one.reason} (until {one.expires})"
    return {**_result(one.finding, index), "suppressions": [{"kind": "external", "justification": justification}]}


def _result(finding: Finding, index: int) -> dict[str, Any]:
    places = [str(place) for place in finding.objects]
    return {
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message}. Evidence: {finding.evidence}. Fix: {finding.fix}"},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": place, "kind": "resource"}]} for place in places],
        # The same finding of the next run is known again by it.
        "partialFingerprints": {"resail/v1": "|".join((finding.id, *places))},
    }
