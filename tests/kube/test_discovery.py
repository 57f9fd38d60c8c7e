"""Kinds and their paths, from aggregated discovery or group by group."""

import asyncio
from pathlib import Path

import pytest

from resail.errors import ClusterApiError, NotFoundError
from resail.kube import KubeCluster, connect
from resail.models.identity import KindRef, Manifest, ObjectRef
from tests.kube.peer import Answer, Peer, Request, discovery, status

GATEWAY = ObjectRef("networking.istio.io/v1", "Gateway", "shop", "front")
OBJECT: Manifest = {"metadata": {"name": "front"}}
LEGACY = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList",
        "groups": [
            {"name": "apps", "versions": [{"groupVersion": "apps/v1"}]},
            {"name": "metrics.k8s.io", "versions": [{"groupVersion": "metrics.k8s.io/v1beta1"}]},
        ],
    },
    "/api/v1": {"resources": [{"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["list", "get"]}]},
    "/apis/apps/v1": {
        "resources": [
            {"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["get"]},
            {"name": "deployments/scale", "kind": "Scale", "namespaced": True, "verbs": ["get"]},
            {"name": "localreviews", "kind": "LocalReview", "namespaced": True, "verbs": ["create"]},
        ]
    },
}


async def test_a_kind_that_comes_during_the_run(cluster: KubeCluster, peer: Peer) -> None:
    with pytest.raises(NotFoundError, match="does not serve this kind") as caught:
        await cluster.get(GATEWAY)
    assert "networking.istio.io/v1 Gateway" in caught.value.on

    def script(request: Request) -> Answer | None:
        if request.path == "/apis":
            return Answer(body=discovery(("networking.istio.io", "Gateway", "gateways", True)))
        return Answer(body=OBJECT) if request.path.endswith("/shop/gateways/front") else None

    peer.script = script
    assert await cluster.get(GATEWAY) == OBJECT


async def test_it_is_read_once_for_kinds_that_are_known(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", "/api/v1/namespaces/shop/pods/cart", Answer(body=OBJECT))
    # All at once, so that none finds what another one read.
    await asyncio.gather(*(cluster.get(ObjectRef("v1", "Pod", "shop", "cart")) for _ in range(5)))
    assert len(peer.seen("GET", "/api")) == len(peer.seen("GET", "/apis")) == 1


async def test_group_by_group_where_it_is_not_aggregated(cluster: KubeCluster, peer: Peer) -> None:
    def script(request: Request) -> Answer | None:
        if request.path == "/apis/metrics.k8s.io/v1beta1":
            return status(404, "its server is not there")
        return Answer(body=LEGACY[request.path]) if request.path in LEGACY else None

    peer.script = script
    found = {(kind.kind, kind.plural, kind.namespaced) for kind in await cluster.resource_kinds()}
    assert found == {
        (KindRef("v1", "Pod"), "pods", True),
        (KindRef("apps/v1", "Deployment"), "deployments", True),
    }


async def test_an_answer_that_cannot_be_read(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", "/apis", Answer(body=b"<html>"))
    with pytest.raises(ClusterApiError, match="cannot be read"):
        await cluster.resource_kinds()


@pytest.mark.parametrize(
    ("ref", "missing"),
    [(ObjectRef("v1", "Pod", "shop", ""), "name"), (ObjectRef("v1", "Pod", "", "cart"), "namespace")],
)
async def test_a_reference_that_is_not_whole_is_not_taken_for_an_object_that_is_gone(
    cluster: KubeCluster, ref: ObjectRef, missing: str
) -> None:
    with pytest.raises(ClusterApiError, match=f"no {missing}") as caught:
        await cluster.get(ref)
    assert not isinstance(caught.value, NotFoundError)


async def test_the_namespace_of_a_reference_to_a_cluster_scoped_kind_does_not_matter(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", "/api/v1/namespaces/shop", Answer(body=OBJECT))
    assert await cluster.get(ObjectRef("v1", "Namespace", "whatever", "shop")) == OBJECT


async def test_a_server_below_a_path(peer: Peer, tmp_path: Path) -> None:
    """As Rancher and other gateways have it."""
    prefix = "/k8s/clusters/c-1"
    answers = {
        f"{prefix}/version": {"gitVersion": "v1.31.0"},
        f"{prefix}/api": discovery(("", "Pod", "pods", True)),
        f"{prefix}/apis": discovery(),
        f"{prefix}/api/v1/namespaces/shop/pods/cart": OBJECT,
    }
    peer.script = lambda request: Answer(body=answers[request.path]) if request.path in answers else status(404)
    async with connect(peer.kubeconfig(tmp_path, prefix)) as below:
        assert await below.get(ObjectRef("v1", "Pod", "shop", "cart")) == OBJECT
