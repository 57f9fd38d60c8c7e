"""How a cluster is reached, for those who must reach it by another program."""

from pathlib import Path

import msgspec

__all__ = ["KubeAccess"]


class KubeAccess(msgspec.Struct, frozen=True):
    """A kubeconfig and its context; ``None`` stands for the usual resolution of each."""

    kubeconfig: Path | None = None
    """None: ``KUBECONFIG``, then ``~/.kube/config``, then the in-cluster service account."""
    context: str | None = None
    """None: the current context."""
