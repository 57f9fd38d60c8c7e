"""V1: an IstioOperator has a field that the target's istioctl does not know."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from resail.checks.hazards.case import Case, Part, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Sign

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="V1",
    title="The IstioOperator has a field that the target's istioctl does not know",
    proof="provable",
    severity="blocker",
    methods=("istioctl",),
    detection="The target's istioctl refuses the IstioOperator for an unknown field, or its schema has no such field.",
    effect="istioctl install stops before it changes anything.",
    fix="take the field out, or give it its new name",
    gates=("G1", "G12"),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/issues/35547",
        "https://github.com/istio/istio/blob/1.30.3/operator/pkg/apis/validation/validation.go",
        "https://github.com/istio/istio/issues/25820",
    ),
)

_REFUSED = re.compile(r"unknown field \\?\"([^\"\\]+)\\?\"( in istio\.operator)?")
_UNTYPED = ("values", "meshConfig", "unvalidatedValues")
"""Fields of ``spec`` that its schema does not reach into."""


def _find(case: Case) -> Iterator[Sign]:
    for part in case.parts:
        if part.method == "istioctl" and part.rendered is None:
            yield from _refused(case, part) if part.refusal else _absent(case, part)


def _refused(case: Case, part: Part) -> Iterator[Sign]:
    for name, of_values in _REFUSED.findall(part.refusal):
        paths = [path for path in _paths(part.source.get("spec"), "spec") if path.endswith(f".{name}")]
        paths = [path for path in paths if path.startswith("spec.values.") == bool(of_values)]
        for path in paths or ["spec"]:
            yield Sign.at(part.source, path, f"istioctl {case.target} does not know the field {name}")


def _absent(case: Case, part: Part) -> Iterator[Sign]:
    paths = [path for path in _paths(part.source.get("spec"), "spec") if path.split(".")[1] not in _UNTYPED]
    if not paths:
        return
    if case.target_facts is None or not case.target_facts.operator_fields:
        raise Unknown(f"istioctl {case.target} was not asked, and which fields it knows is not known")
    known = {_plain(path) for path in case.target_facts.operator_fields}
    inner = {above for path in known for above in _above(path)}
    for path in paths:
        field = _plain(path.removeprefix("spec."))
        # What stands below a field without fields of its own is free; of what is unknown the uppermost is told.
        if field not in known | inner and all(above in inner for above in _above(field)):
            yield Sign.at(part.source, path, f"istioctl {case.target} does not know the field {field}")


def _plain(path: str) -> str:
    """Without the members of lists."""
    return re.sub(r"\[[^\]]*\]", "", path)


def _above(path: str) -> list[str]:
    return [path[: dot.start()] for dot in re.finditer(r"\.", path)]


def _paths(tree: Any, above: str) -> Iterator[str]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if isinstance(key, str) and key:
                yield f"{above}.{key}"
                yield from _paths(value, f"{above}.{key}")
    elif isinstance(tree, list):
        for index, member in enumerate(tree):
            yield from _paths(member, f"{above}[{index}]")


RULE = Rule(_HAZARD, _find)
