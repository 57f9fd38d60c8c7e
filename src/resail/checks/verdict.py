"""Whether findings stand in the way."""

from collections.abc import Iterable
from typing import Literal

from resail.models.finding import SEVERITIES, Finding, Severity

__all__ = ["verdict"]


def verdict(findings: Iterable[Finding], fail_on: Severity = "blocker") -> Literal["ready", "blocked"]:
    """Is one of them as severe as ``fail_on``, or more?"""
    blocking = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return "blocked" if any(one.severity in blocking for one in findings) else "ready"
