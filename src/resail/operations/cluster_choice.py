"""Which cluster is meant."""

from pathlib import Path

import msgspec

__all__ = ["ClusterChoice"]


class ClusterChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster; ``None`` stands for the usual resolution of each."""

    kubeconfig: Path | None = None
    context: str | None = None
