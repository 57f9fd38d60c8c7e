"""Hazards of what runs on the nodes: the CNI agent, ztunnel, and the ambient mesh that they make."""

from resail.checks.hazards.hazard import Rule
from resail.checks.hazards.nodes import (
    c2_cni_blocks_its_successor,
    c3_agents_together,
    c4_packet_filters,
    c5_nft_of_the_node,
    c6_agent_restarts,
    c7_dns_capture,
    c8_excluded_namespaces,
    c9_agent_removed,
    c10_older_ztunnel,
    c11_waypoints,
    n13_rules_of_running_pods,
)

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    c2_cni_blocks_its_successor.RULE,
    c3_agents_together.RULE,
    c4_packet_filters.RULE,
    c5_nft_of_the_node.RULE,
    c6_agent_restarts.RULE,
    c7_dns_capture.RULE,
    c8_excluded_namespaces.RULE,
    c9_agent_removed.RULE,
    c10_older_ztunnel.RULE,
    c11_waypoints.RULE,
    n13_rules_of_running_pods.RULE,
)
