"""Which certificate authorities a mesh trusts, and which one signs for it: public certificates only."""

import msgspec

from resail.models.identity import ObjectRef

__all__ = ["CONFIG_MAP", "SIGNERS", "Certificate", "TrustBundle"]

CONFIG_MAP = "istio-ca-root-cert"
"""The ConfigMap of each namespace that its workloads mount."""

SIGNERS = ("cacerts", "istio-ca-secret")
"""Secrets of the root namespace that istiod signs with, the first that is there."""


class Certificate(msgspec.Struct, frozen=True, order=True):
    """A root certificate."""

    fingerprint: str
    """SHA-256 of its DER form, hex digits."""
    not_after: str = ""
    """ISO 8601 in UTC; empty where it is not to be read."""


class TrustBundle(msgspec.Struct, frozen=True):
    """A set of root certificates, and all objects that hold just this one in the same field."""

    field: str
    """``data[root-cert.pem]``, ``webhooks.clientConfig.caBundle`` …"""
    objects: tuple[ObjectRef, ...]
    """Sorted."""
    certificates: tuple[Certificate, ...]
    """Sorted, each once: their order in a file does not matter."""

    revision: str = ""
    """Of a webhook: whose it is."""

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of its certificates, sorted."""
        return tuple(one.fingerprint for one in self.certificates)
