"""The clusters that the contract is shown on. A new one is one more value of the parameter."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from resail.cluster import Clock
from resail.errors import ApiConflictError
from resail.kube import connect
from resail.kube.clock import SystemClock
from resail.testbed.bed import Bed
from resail.twin import SimulatedLoop, open_twin
from tests.conftest import EMPTY
from tests.contract.nodes import node
from tests.contract.site import Cluster, Site, site_on

_NODES = ("contract-1", "contract-2")


@pytest.fixture(scope="package")
def _control_plane(session_bed: Bed) -> Iterator[Bed]:
    session_bed.reset(EMPTY)
    yield session_bed
    # What the tests of cluster-scoped objects left is nobody else's business.
    session_bed.reset(EMPTY)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """One for all, so that the tests have the same names on each cluster."""
    return {"contract": lambda: SimulatedLoop(real=True)}


@pytest_asyncio.fixture(params=["twin", pytest.param("control-plane", marks=pytest.mark.bed)])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """A namespace of its own on each cluster, with two nodes for its pods."""
    async with contextlib.AsyncExitStack() as stack:
        cluster: Cluster
        clock: Clock
        if request.param == "twin":
            loop = asyncio.get_running_loop()
            assert isinstance(loop, SimulatedLoop)
            loop.simulate()
            cluster = twin = await stack.enter_async_context(open_twin())
            clock = twin.clock
        else:
            bed: Bed = request.getfixturevalue("_control_plane")
            cluster, clock = await stack.enter_async_context(connect(bed.kubeconfig)), SystemClock()
        await _ensure_nodes(cluster)
        yield await stack.enter_async_context(site_on(cluster, clock))


async def _ensure_nodes(cluster: Cluster) -> None:
    for name in _NODES:
        with contextlib.suppress(ApiConflictError):
            await cluster.create(node(name))
