"""Hazards of the data plane: what proxies do with requests and connections."""

from resail.checks.hazards.data_plane import (
    d14_gateway_merging,
    d16_dots_in_policies,
    n8_wasm_attributes,
    n10_target_port,
    n11_mirrored_host,
    n14_wasm_fetched_again,
)

__all__ = ["RULES"]

RULES = (
    d14_gateway_merging.RULE,
    d16_dots_in_policies.RULE,
    n8_wasm_attributes.RULE,
    n10_target_port.RULE,
    n11_mirrored_host.RULE,
    n14_wasm_fetched_again.RULE,
)
