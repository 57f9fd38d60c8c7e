"""What a precheck tells."""

from typing import Literal

import msgspec

from resail.models.finding import Finding
from resail.models.waiver import Waived

__all__ = ["NotEvaluated", "Precheck", "Question"]


class NotEvaluated(msgspec.Struct, frozen=True, order=True):
    """A hazard that may be there or not."""

    id: str
    reason: str
    """What is not known."""


class Question(msgspec.Struct, frozen=True, order=True):
    """What a person has to see to, since no API can."""

    id: str
    """Kebab-case, stable."""
    text: str
    reason: str
    """Why it matters to this mesh."""
    source: str = ""


class Precheck(msgspec.Struct, frozen=True, rename={"from_version": "from", "to_version": "to"}):
    """The verdict on an upgrade of a mesh, and what it stands on."""

    verdict: Literal["ready", "blocked"]
    from_version: str
    """Installed."""
    to_version: str
    strategy: str
    hops: tuple[str, ...]
    """Versions that the way stops at, the target last; empty where there is no way."""
    findings: tuple[Finding, ...]
    """The worst first."""
    waived: tuple[Waived, ...]
    """Findings that somebody takes, for a while."""
    not_evaluated: tuple[NotEvaluated, ...]
    checklist: tuple[Question, ...]
    more_notes: int = 0
    """Release notes on the way that do not concern this mesh, and are not shown."""
