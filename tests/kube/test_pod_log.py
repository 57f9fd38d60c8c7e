"""The end of a container's log, asked for once."""

import pytest

from resail.cluster import LogReader
from resail.errors import ClusterApiError, ForbiddenError
from resail.kube import KubeCluster
from resail.models.identity import ObjectRef
from tests.kube.peer import Answer, Peer, status

POD = ObjectRef("v1", "Pod", "istio-system", "istiod-1")
PATH = "/api/v1/namespaces/istio-system/pods/istiod-1/log"


async def test_its_last_lines(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", PATH, Answer(200, b"one\ntwo \xff\n"))
    assert isinstance(cluster, LogReader)

    assert await cluster.pod_log(POD, "discovery", lines=40, previous=True) == "one\ntwo \ufffd\n"

    [asked] = peer.seen("GET", PATH)
    assert asked.query == {"container": "discovery", "tailLines": "40", "limitBytes": "65536", "previous": "true"}


@pytest.mark.parametrize(("code", "error"), [(403, ForbiddenError), (400, ClusterApiError), (500, ClusterApiError)])
async def test_there_is_none(cluster: KubeCluster, peer: Peer, code: int, error: type[Exception]) -> None:
    peer.play("GET", PATH, status(code, "previous terminated container not found"))
    with pytest.raises(error):
        await cluster.pod_log(POD, "discovery", lines=40)
    assert len(peer.seen("GET", PATH)) == 1
