"""Hazards of the cluster: Kubernetes, CRDs, the Gateway API, certificates, other clusters."""

from resail.checks.hazards.cluster import (
    k1_gateway_api_bundle,
    k2_istiod_panics,
    k3_kubernetes_too_old,
    k5_stored_versions,
    k6_incomplete_cacerts,
    k7_rotated_remote_secret,
    k8_operator_in_cluster,
    n9_experimental_versions,
)
from resail.checks.hazards.hazard import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    k1_gateway_api_bundle.RULE,
    k2_istiod_panics.RULE,
    k3_kubernetes_too_old.RULE,
    k5_stored_versions.RULE,
    k6_incomplete_cacerts.RULE,
    k7_rotated_remote_secret.RULE,
    k8_operator_in_cluster.RULE,
    n9_experimental_versions.RULE,
)
