"""Hazards of cluster."""

from resail.checks.hazards.hazard import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
