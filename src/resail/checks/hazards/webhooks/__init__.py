"""Hazards of webhooks, revisions, injection and trust."""

from resail.checks.hazards.hazard import Rule
from resail.checks.hazards.webhooks import (
    n4_nothing_injects,
    n7_other_root,
    w1_validator_without_istiod,
    w2_two_injectors,
    w3_gateway_of_no_revision,
    w4_gateway_changes_revision,
    w5_no_default_revision,
    w6_both_labels,
    w7_revision_in_use,
    w8_ready_too_early,
    w9_unknown_api_versions,
    w10_image_auto,
)

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    w1_validator_without_istiod.RULE,
    w2_two_injectors.RULE,
    w3_gateway_of_no_revision.RULE,
    w4_gateway_changes_revision.RULE,
    w5_no_default_revision.RULE,
    w6_both_labels.RULE,
    w7_revision_in_use.RULE,
    w8_ready_too_early.RULE,
    w9_unknown_api_versions.RULE,
    w10_image_auto.RULE,
    n4_nothing_injects.RULE,
    n7_other_root.RULE,
)
