"""All hazards, and what a cluster must have for an upgrade."""

from resail.checks.hazards import cluster, data_plane, nodes, ownership, values, webhooks
from resail.checks.hazards.hazard import Rule
from resail.checks.requirements import RULES as REQUIREMENTS

__all__ = ["RULES", "find_rule"]

RULES: tuple[Rule, ...] = (
    *values.RULES,
    *ownership.RULES,
    *webhooks.RULES,
    *nodes.RULES,
    *data_plane.RULES,
    *cluster.RULES,
    *REQUIREMENTS,
)


def find_rule(name: str) -> Rule | None:
    """The rule of a hazard, by its id in upper or lower case; None where there is none."""
    return next((rule for rule in RULES if rule.hazard.id.lower() == name.lower()), None)
