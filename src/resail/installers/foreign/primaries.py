"""A mesh of several clusters, each with an istiod that reads the others."""

from collections.abc import Iterator

from resail.installers.foreign.seen import Seen
from resail.models.snapshot import ForeignManager

__all__ = ["several_primaries"]


def several_primaries(seen: Seen) -> Iterator[ForeignManager]:
    """Secrets by which istiod reaches other clusters. Their values are never looked at.

    Source: https://istio.io/latest/docs/setup/install/multicluster/multi-primary/
    """
    for ref in seen.remote_secrets:
        yield ForeignManager("mesh of several clusters", ref, "metadata.labels.istio/multiCluster", "true", "mesh")
