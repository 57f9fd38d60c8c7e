"""Findings that forbid to go on."""

from collections.abc import Iterable

from resail.errors import BlockedError
from resail.models.finding import Finding

__all__ = ["refuse_blockers"]


def refuse_blockers(findings: Iterable[Finding], on: str) -> None:
    """Go on only where none of the findings is a blocker.

    Raises:
        BlockedError: one is; all of them are named.
    """
    blockers = [finding for finding in findings if finding.severity == "blocker"]
    if blockers:
        raise BlockedError(
            "; ".join(f"{finding.id}: {finding.message} ({finding.evidence})" for finding in blockers),
            on=on,
            next_step=blockers[0].fix or "mend it, and plan again",
        )
