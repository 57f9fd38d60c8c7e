"""Every rule that a hop is judged by: the catalogue of hazards, and what a cluster must be and have."""

from resail.checks import requirements
from resail.checks.hazards import catalogue
from resail.checks.hazards.hazard import Rule

__all__ = ["RULEBOOK", "find_rule"]

RULEBOOK: tuple[Rule, ...] = (*catalogue.RULES, *requirements.RULES)


def find_rule(name: str) -> Rule | None:
    """The rule of a hazard, by its id in upper or lower case; None where there is none."""
    return next((rule for rule in RULEBOOK if rule.hazard.id.lower() == name.lower()), None)
