"""What a cluster must be and have for an upgrade, whatever the hop: Kubernetes, the nodes' network, the platform, the calendar.

Room for what starts is in ``checks/capacity.py``.
"""

from resail.checks.hazards.hazard import Rule
from resail.checks.requirements import cni_chaining, cni_exclusive, kubelet_skew, platform_values

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (kubelet_skew.RULE, cni_chaining.RULE, cni_exclusive.RULE, platform_values.RULE)
