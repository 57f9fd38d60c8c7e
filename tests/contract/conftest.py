"""The clusters that the contract is shown on. A new one is one more value of the parameter."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from resail.errors import ApiConflictError
from resail.kube import connect
from resail.kube.clock import SystemClock
from resail.testbed.bed import Bed
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


@pytest_asyncio.fixture(params=[pytest.param("control-plane", marks=pytest.mark.bed)])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """A namespace of its own on each cluster, with two nodes for its pods."""
    bed: Bed = request.getfixturevalue("_control_plane")
    async with connect(bed.kubeconfig) as cluster:
        await _ensure_nodes(cluster)
        async with site_on(cluster, SystemClock()) as one:
            yield one


async def _ensure_nodes(cluster: Cluster) -> None:
    for name in _NODES:
        with contextlib.suppress(ApiConflictError):
            await cluster.create(node(name))
