"""Hazards of nodes."""

from resail.checks.hazards.hazard import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
