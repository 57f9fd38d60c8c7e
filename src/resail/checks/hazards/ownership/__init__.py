"""Hazards of objects: who owns them, what of them may not change, and whether there is room and leave for the pods."""

from resail.checks.hazards.ownership import (
    bound_account_vanishes,
    crd_without_keep,
    immutable_field,
    n1_registries,
    n5_pod_security,
    n6_quotas,
    n15_managed_gateways,
    o1_crd_marks,
    o2_foreign_objects,
    o3_webhook_conflicts,
    o4_old_accounts,
    o5_gateway_selector,
    o6_gateway_labels,
    o7_gateway_service,
    o8_ztunnel_name,
    o9_replicas,
    o10_budgets,
    o11_critical_quota,
    service_port_vanishes,
)

__all__ = ["RULES"]

RULES = (
    o1_crd_marks.RULE,
    o2_foreign_objects.RULE,
    o3_webhook_conflicts.RULE,
    o4_old_accounts.RULE,
    o5_gateway_selector.RULE,
    o6_gateway_labels.RULE,
    o7_gateway_service.RULE,
    o8_ztunnel_name.RULE,
    o9_replicas.RULE,
    o10_budgets.RULE,
    o11_critical_quota.RULE,
    n1_registries.RULE,
    n5_pod_security.RULE,
    n6_quotas.RULE,
    n15_managed_gateways.RULE,
    immutable_field.RULE,
    service_port_vanishes.RULE,
    bound_account_vanishes.RULE,
    crd_without_keep.RULE,
)
