"""What is wrong, or might be, with evidence."""

from typing import Literal

import msgspec

__all__ = ["Finding", "FindingObject", "Severity"]

Severity = Literal["blocker", "warning", "info"]


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
