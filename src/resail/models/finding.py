"""What is wrong, or might be, with evidence."""

from collections.abc import Iterable
from typing import Literal

import msgspec

__all__ = ["SEVERITIES", "Finding", "FindingObject", "Severity", "worst_first"]

Severity = Literal["blocker", "warning", "info"]

SEVERITIES: tuple[Severity, ...] = ("blocker", "warning", "info")
"""The worst first."""


class FindingObject(msgspec.Struct, frozen=True, order=True):
    """Where a finding was seen."""

    kind: str
    namespace: str
    """Empty for a cluster-scoped object."""
    name: str
    field: str = ""
    """Path of the field, ``spec.strategy.type``; empty for the object as a whole."""

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.kind}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"
        return f"{place} {self.field}".rstrip()


class Finding(msgspec.Struct, frozen=True, order=True):
    """One finding of an assessment, of the planner or of ``verify``."""

    id: str
    """Stable, kebab-case."""
    severity: Severity
    message: str
    """One sentence, for people."""
    objects: tuple[FindingObject, ...] = ()
    evidence: str = ""
    """What was read that shows it."""
    fix: str = ""
    """What to do next."""
    source: str = ""
    """Release note, issue or document behind the rule."""


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By severity; those of the same one in their own order."""
    return sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding))
