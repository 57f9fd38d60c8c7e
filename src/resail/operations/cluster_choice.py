"""Which cluster is meant, and what works on it: a real one, or a twin in a file.

What not every command needs is imported where it is wanted: who only reads a cluster starts in half the time.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import msgspec

from resail.cluster import Clock, Cluster
from resail.installers.interface import Installer, IstioctlInstaller
from resail.kube import KubeCluster, connect
from resail.kube.clock import SystemClock
from resail.tenure.tenure import Tenure
from resail.twin.loop import simulated_time

__all__ = ["TWIN", "ClusterChoice", "Connection", "connect_to", "open_cluster", "twin_connection"]

TWIN = "twin.db"
"""The file of a state directory that holds a twin: what is run there is run on it."""


class ClusterChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster; ``None`` stands for the usual resolution of each."""

    kubeconfig: Path | None = None
    context: str | None = None
    twin: Path | None = None
    """The file of a twin, instead of a real cluster."""


class Connection(msgspec.Struct, frozen=True):
    """A cluster, and what works on it."""

    cluster: Cluster
    clock: Clock
    open_installer: Callable[[], AbstractAsyncContextManager[Installer]]
    istioctl: IstioctlInstaller
    pulls_images: bool = True
    """A twin's nodes do not."""
    tenure: Tenure | None = None
    """For how long we write; None where nobody else can: on a twin, which has no lease and no copies of journals."""


@asynccontextmanager
async def connect_to(choice: ClusterChoice, directory: Path | None = None) -> AsyncIterator[Connection]:
    """Connect to a cluster, and see that it answers.

    Args:
        choice: what the user named.
        directory: the state directory that the user named; a demo's holds its twin, or the kubeconfig of its test bed, which
            is meant where the user named no cluster.

    Raises:
        ClusterUnreachableError: the API does not answer, or the kubeconfig cannot be used.
        ArtifactError: the file is no twin.
    """
    own = choice if directory is None or choice.kubeconfig or choice.twin else _own(directory, choice)
    async with open_cluster(own) as cluster:
        yield _connection(cluster)


@asynccontextmanager
async def open_cluster(choice: ClusterChoice) -> AsyncIterator[Cluster]:
    """The cluster alone.

    Raises:
        ResailError: as ``connect_to``.
    """
    if choice.twin is None:
        async with connect(choice.kubeconfig, choice.context) as cluster:
            yield cluster
        return
    from resail.twin.cluster import open_twin

    with simulated_time():
        async with open_twin(choice.twin) as twin:
            yield twin


def _connection(cluster: Cluster) -> Connection:
    if isinstance(cluster, KubeCluster):
        from resail.installers.helm import open_helm
        from resail.installers.istioctl import IstioctlCommand
        from resail.operations.istioctl import istioctl_store

        tenure = cluster.tenure
        istioctl = IstioctlCommand(istioctl_store, cluster.access, tenure)
        return Connection(
            cluster, SystemClock(), lambda: open_helm(cluster.access, cluster, cluster, tenure), istioctl, tenure=tenure
        )
    from resail.twin.cluster import TwinCluster

    assert isinstance(cluster, TwinCluster)
    return twin_connection(cluster, cluster.clock)


def twin_connection(twin: Cluster, clock: Clock) -> Connection:
    """What works on a twin: no Helm, and no istioctl."""
    from resail.installers.istioctl_rendered import RenderedIstioctl
    from resail.installers.rendered import RenderedInstaller

    installer: Installer = RenderedInstaller(twin, twin)
    return Connection(twin, clock, lambda: nullcontext(installer), RenderedIstioctl(twin, twin), pulls_images=False)


def _own(directory: Path, choice: ClusterChoice) -> ClusterChoice:
    twin, kubeconfig = directory / TWIN, directory / "kubeconfig"
    if twin.is_file():
        return ClusterChoice(twin=twin)
    return ClusterChoice(kubeconfig=kubeconfig, context=choice.context) if kubeconfig.is_file() else choice
