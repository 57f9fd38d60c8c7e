"""Hazards of the data plane: what proxies do with requests and connections."""

from resail.checks.hazards.data_plane import (
    d14_gateway_merging,
    d15_istiod_asks_who,
    d16_dots_in_policies,
    n8_wasm_attributes,
    n10_target_port,
    n11_mirrored_host,
    n12_one_host_in_several_namespaces,
    n14_wasm_fetched_again,
)

__all__ = ["RULES"]

RULES = (
    d15_istiod_asks_who.RULE,
    d14_gateway_merging.RULE,
    d16_dots_in_policies.RULE,
    n8_wasm_attributes.RULE,
    n10_target_port.RULE,
    n11_mirrored_host.RULE,
    n12_one_host_in_several_namespaces.RULE,
    n14_wasm_fetched_again.RULE,
)
