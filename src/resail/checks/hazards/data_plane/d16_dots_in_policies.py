"""D16: dots and brackets in the principals and namespaces of policies match themselves only."""

import re
from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.span import within
from resail.models.field_path import find, first
from resail.models.identity import IstioVersion

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="D16",
    title="Dots and brackets in policies match themselves only",
    proof="provable",
    severity="warning",
    installed="<1.30.0",
    target=">=1.28.7",
    detection="An AuthorizationPolicy matches a caller of this mesh only because a dot or brackets stand for another character.",
    effect="That caller is no longer matched: let in by a DENY, refused by an ALLOW.",
    fix="write out the names of the callers",
    gates=("G4", "G10"),
    undo=("U3", "U4"),
    sources=("https://github.com/istio/istio/blob/1.30.0/releasenotes/notes/59992.yaml",),
)

_LOOSE = ("<1.28.7", ">=1.29.0,<1.29.3")
"""Versions that take these characters for a regular expression."""
_PLAIN = re.compile(r"[\w./*\[\]-]+")


def _find(case: Case) -> Iterator[Sign]:
    if not _is_loose(case.installed) or _is_loose(case.target):
        return
    policies = case.all("AuthorizationPolicy.security.istio.io")
    names = [(first(one, "metadata.namespace"), first(one, "metadata.name")) for one in case.all("ServiceAccount")]
    callers = {
        "principals": [f"cluster.local/ns/{namespace}/sa/{name}" for namespace, name in names],
        "namespaces": [one.name for one in case.snapshot.namespaces],
    }
    for policy in policies:
        for what, known in callers.items():
            for side in (what, f"not{what.capitalize()}"):
                for field in find(policy, f"spec.rules[*].from[*].source.{side}[*]"):
                    lost = _lost(field.value, known) if what == "namespaces" or str(field.value).startswith("*") else []
                    if lost:
                        yield Sign.at(policy, field.path, f"{case.target} no longer takes {lost[0]} for {field.value}")


def _is_loose(version: IstioVersion) -> bool:
    return any(within(version, span) for span in _LOOSE)


def _lost(pattern: object, callers: list[str]) -> list[str]:
    """Callers that match a pattern as a regular expression, and not as it is written."""
    if not isinstance(pattern, str) or not _PLAIN.fullmatch(pattern) or not set(pattern) & set(".[]"):
        return []
    try:
        before = re.compile(pattern.replace("*", ".*"))
    except re.error:
        return []
    after = re.compile(re.escape(pattern).replace(r"\*", ".*"))
    return [one for one in callers if before.fullmatch(one) and not after.fullmatch(one)]


RULE = Rule(_HAZARD, _find)
