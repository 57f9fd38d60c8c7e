"""Hazards of values: what a user set, of which the target makes nothing, something else, or an error."""

from resail.checks.hazards.hazard import Rule
from resail.checks.hazards.values import (
    n2_reused_values,
    n3_removed_api,
    v1_unknown_operator_field,
    v2_unread_value,
    v3_old_telemetry,
    v4_two_forms,
    v5_gateway_schema,
    v6_compatibility_version,
    v7_gone_name,
    v8_unread_flag,
    v9_cni_switch,
    v10_old_tokens,
    v11_changed_default,
)

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    v1_unknown_operator_field.RULE,
    v2_unread_value.RULE,
    v3_old_telemetry.RULE,
    v4_two_forms.RULE,
    v5_gateway_schema.RULE,
    v6_compatibility_version.RULE,
    v7_gone_name.RULE,
    v8_unread_flag.RULE,
    v9_cni_switch.RULE,
    v10_old_tokens.RULE,
    v11_changed_default.RULE,
    n2_reused_values.RULE,
    n3_removed_api.RULE,
)
