"""A scripted peer, and a connection to it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import stamina

from resail.kube import KubeCluster, connect
from tests.kube.peer import Peer, serve


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[Peer]:
    async with serve() as one:
        yield one


@pytest_asyncio.fixture
async def cluster(peer: Peer, tmp_path: Path) -> AsyncIterator[KubeCluster]:
    async with connect(peer.kubeconfig(tmp_path)) as one:
        yield one


@pytest.fixture
def no_waits() -> Iterator[None]:
    """stamina's own switch: as many attempts, no waits between them."""
    with stamina.set_testing(True, attempts=6, cap=True):
        yield
