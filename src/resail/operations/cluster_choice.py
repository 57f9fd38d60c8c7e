"""Which cluster is meant."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from resail.kube import KubeCluster, connect

__all__ = ["ClusterChoice", "connect_to"]


class ClusterChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster; ``None`` stands for the usual resolution of each."""

    kubeconfig: Path | None = None
    context: str | None = None


def connect_to(choice: ClusterChoice, directory: Path | None = None) -> AbstractAsyncContextManager[KubeCluster]:
    """Connect to a cluster, as ``resail.kube.connect`` does.

    Args:
        choice: what the user named.
        directory: the state directory that the user named; a demo's holds the kubeconfig of its test bed, which is meant
            where the user named no cluster.
    """
    own = directory / "kubeconfig" if directory else None
    if choice.kubeconfig is None and own is not None and own.is_file():
        return connect(own, choice.context)
    return connect(choice.kubeconfig, choice.context)
