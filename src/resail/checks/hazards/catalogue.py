"""All hazards, and what a cluster must have for an upgrade."""

from resail.checks.hazards import cluster, data_plane, nodes, ownership, values, webhooks
from resail.checks.hazards.hazard import Rule
from resail.checks.requirements import RULES as REQUIREMENTS

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *values.RULES,
    *ownership.RULES,
    *webhooks.RULES,
    *nodes.RULES,
    *data_plane.RULES,
    *cluster.RULES,
    *REQUIREMENTS,
)
