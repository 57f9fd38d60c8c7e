"""All rules, in the order in which equals are told."""

from collections.abc import Sequence

from resail.checks.diagnosis import istiod_crash_loops, istiod_out_of_memory, tag_to_deleted_revision
from resail.checks.diagnosis.sign import Rule

__all__ = ["RULES"]

RULES: Sequence[Rule] = (
    istiod_out_of_memory.RULE,
    istiod_crash_loops.RULE,
    tag_to_deleted_revision.RULE,
)
