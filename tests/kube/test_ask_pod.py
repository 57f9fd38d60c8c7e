"""A pod is asked through the API server, once."""

import pytest

from resail.cluster import PodAsker
from resail.errors import ClusterApiError, ForbiddenError
from resail.kube import KubeCluster
from resail.models.identity import ObjectRef
from tests.kube.peer import Answer, Peer, status

POD = ObjectRef("v1", "Pod", "istio-system", "istiod-1")
PATH = "/api/v1/namespaces/istio-system/pods/istiod-1:15014/proxy/metrics"


async def test_it_answers(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", PATH, Answer(200, b"pilot_xds 3\n"))
    assert isinstance(cluster, PodAsker)
    assert await cluster.ask_pod(POD, 15014, "metrics") == b"pilot_xds 3\n"


@pytest.mark.parametrize(("code", "error"), [(403, ForbiddenError), (502, ClusterApiError), (503, ClusterApiError)])
async def test_it_does_not(cluster: KubeCluster, peer: Peer, code: int, error: type[Exception]) -> None:
    peer.play("GET", PATH, status(code, "error trying to reach service: dial tcp"))
    with pytest.raises(error):
        await cluster.ask_pod(POD, 15014, "metrics")
    assert len(peer.seen("GET", PATH)) == 1
