"""V5: the gateway chart's schema refuses values."""

import re
from collections.abc import Iterator

from resail.checks.hazards.case import Case, Part
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.span import within
from resail.models.field_path import first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="V5",
    title="The gateway chart's schema refuses its values",
    proof="provable",
    severity="blocker",
    methods=("helm",),
    detection="The schema of the target's gateway chart refuses a value, or, to a Helm from 3.18.5 on, every value.",
    effect="helm upgrade of the gateway stops before it changes anything.",
    fix="take the value out, or go to a patch whose schema is mended",
    gates=("G1", "G12"),
    undo=("U7",),
    sources=(
        "https://github.com/istio/istio/issues/57354",
        "https://github.com/helm/helm/issues/31160",
        "https://github.com/istio/istio/issues/58277",
        "https://github.com/istio/istio/blob/1.25.5/manifests/charts/gateway/values.schema.json",
    ),
)

# Up to these the schema forbids all values beside a $ref, which drafts of JSON Schema before 2019 overlook.
_BROKEN = ("<1.25.5", ">=1.26.0,<1.26.4", ">=1.27.0,<1.27.1")
_STRICT_HELM = (3, 18, 5)
_ENABLED_SINCE = "<1.29.0"

_COMPLAINT = re.compile(r"at '([^']*)': (.*)")
_TOO_MANY = re.compile(r"additional propert(?:y|ies) (.*) not allowed")


def _find(case: Case) -> Iterator[Sign]:
    broken = any(within(case.target, span) for span in _BROKEN)
    for part in case.parts:
        if part.chart != "gateway" or part.method != "helm" or part.rendered is not None:
            continue
        yield from _refused(case, part)
        if broken and _helm(case.helm_client) >= _STRICT_HELM:
            message = f"Helm {case.helm_client} refuses chart gateway of {case.target} whatever its values are"
            fix = "use a patch with a mended schema (1.25.5, 1.26.4, 1.27.1), or --skip-schema-validation"
            yield Sign.at(part.source, "chart", message, fix=fix)
        elif not broken and not part.refusal and "enabled" in part.values and within(case.target, _ENABLED_SINCE):
            yield _unknown(case, part, f"{part.path}.enabled")


def _refused(case: Case, part: Part) -> Iterator[Sign]:
    for place, words in _COMPLAINT.findall(part.refusal):
        above = ".".join([part.path, *filter(None, place.split("/"))])
        names = _TOO_MANY.search(words)
        if names:
            yield from (_unknown(case, part, f"{above}.{name}") for name in re.findall(r"'([^']+)'", names[1]))
        elif first(part.source, above) is not None:
            yield Sign.at(part.source, above, f"chart gateway of {case.target} refuses {_named(part, above)}: {words}")


def _unknown(case: Case, part: Part, path: str) -> Sign:
    there = path if first(part.source, path) is not None else part.path
    return Sign.at(part.source, there, f"chart gateway of {case.target} refuses {_named(part, path)}, which its schema lacks")


def _named(part: Part, path: str) -> str:
    return path.removeprefix(f"{part.path}.")


def _helm(version: str) -> tuple[int, ...]:
    matched = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, matched.groups())) if matched else ()


RULE = Rule(_HAZARD, _find)
