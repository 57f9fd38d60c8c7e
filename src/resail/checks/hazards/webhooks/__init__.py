"""Hazards of webhooks."""

from resail.checks.hazards.hazard import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
