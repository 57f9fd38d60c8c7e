"""Hazards of values."""

from resail.checks.hazards.hazard import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
