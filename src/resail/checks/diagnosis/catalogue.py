"""All rules, in the order in which equals are told."""

from collections.abc import Sequence

from resail.checks.diagnosis import (
    blocking_budget,
    ca_bundle,
    istiod_crash_loops,
    istiod_out_of_memory,
    not_ready,
    older_crds,
    proxy_skew,
    removed_value,
    tag_to_deleted_revision,
    two_injectors,
    unfinished_run,
    unpullable_image,
    webhook_without_endpoints,
)
from resail.checks.diagnosis.sign import Rule

__all__ = ["RULES"]

RULES: Sequence[Rule] = (
    istiod_out_of_memory.RULE,
    istiod_crash_loops.RULE,
    webhook_without_endpoints.RULE,
    ca_bundle.RULE,
    tag_to_deleted_revision.RULE,
    two_injectors.RULE,
    unpullable_image.RULE,
    unfinished_run.RULE,
    proxy_skew.RULE,
    older_crds.RULE,
    removed_value.RULE,
    blocking_budget.RULE,
    not_ready.RULE,
)
