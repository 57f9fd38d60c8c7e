"""Hazards of the data plane: what proxies do with requests and connections."""

from resail.checks.hazards.data_plane import (
    d1_old_proxies,
    d2_envoy_filters,
    d3_old_telemetry_filters,
    d4_tls_without_names,
    d5_external_name_aliases,
    d6_unselected_namespaces,
    d8_several_addresses,
    d9_excluded_dns,
    d11_native_sidecar,
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
    d5_external_name_aliases.RULE,
    d2_envoy_filters.RULE,
    d1_old_proxies.RULE,
    d11_native_sidecar.RULE,
    d9_excluded_dns.RULE,
    d8_several_addresses.RULE,
    d6_unselected_namespaces.RULE,
    d4_tls_without_names.RULE,
    d3_old_telemetry_filters.RULE,
    d15_istiod_asks_who.RULE,
    d14_gateway_merging.RULE,
    d16_dots_in_policies.RULE,
    n8_wasm_attributes.RULE,
    n10_target_port.RULE,
    n11_mirrored_host.RULE,
    n12_one_host_in_several_namespaces.RULE,
    n14_wasm_fetched_again.RULE,
)
