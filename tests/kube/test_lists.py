"""Lists come page by page, whole or not at all."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.errors import ClusterApiError, WatchExpiredError
from resail.kube import KubeCluster, connect, lists
from resail.kube.protobuf.messages import named
from resail.models.identity import KindRef
from resail.snapshot.shapes import OwnedShape
from tests.kube.peer import Answer, Peer, Request, connected, status
from tests.kube.protobuf_lists import envelope

CONFIG_MAP = KindRef("v1", "ConfigMap")
ALL = "/api/v1/configmaps"


class Named(msgspec.Struct):
    name: str


class Shape(msgspec.Struct):
    metadata: Named


def page(*names: str, token: str = "") -> Answer:
    items = [{"metadata": {"name": name, "uid": name, "resourceVersion": "1"}, "data": {"a": "1"}} for name in names]
    return Answer(body={"metadata": {"resourceVersion": "9", "continue": token}, "items": items})


def pages(peer: Peer, answers: dict[str, list[Answer]]) -> None:
    """Continue token → the answers to it, one after the other."""

    def script(request: Request) -> Answer | None:
        return answers[request.query.get("continue", "")].pop(0) if request.path == ALL else None

    peer.script = script


async def test_all_pages_with_the_same_question(cluster: KubeCluster, peer: Peer) -> None:
    pages(peer, {"": [page("a", "b", token="t+/=1")], "t+/=1": [page("c", token="t2")], "t2": [page()]})
    found = await cluster.list_objects(CONFIG_MAP, labels="app=cart,tier!=web")
    assert [manifest["metadata"]["name"] for manifest in found] == ["a", "b", "c"]
    assert [(request.query["labelSelector"], request.query["limit"]) for request in peer.seen("GET", ALL)] == [
        ("app=cart,tier!=web", "500")
    ] * 3


async def test_items_say_what_they_are(cluster: KubeCluster, peer: Peer) -> None:
    pages(peer, {"": [page("a")]})
    (found,) = await cluster.list_objects(CONFIG_MAP)
    assert (found["apiVersion"], found["kind"]) == ("v1", "ConfigMap")


async def test_a_shape_takes_what_it_declares(cluster: KubeCluster, peer: Peer) -> None:
    pages(peer, {"": [page("a", token="t")], "t": [page("b")]})
    assert await cluster.list_shapes(CONFIG_MAP, Shape) == [Shape(Named("a")), Shape(Named("b"))]


@pytest.mark.parametrize("body", [{"items": None, "metadata": {}}, {"items": []}, {}])
async def test_nothing(cluster: KubeCluster, peer: Peer, body: dict[str, Any]) -> None:
    pages(peer, {"": [Answer(body=body)]})
    assert await cluster.list_objects(CONFIG_MAP) == []


async def test_pages_that_expire_are_read_from_the_start(cluster: KubeCluster, peer: Peer) -> None:
    first = [page("gone", token="old"), page("a", token="new")]
    pages(peer, {"": first, "old": [status(410, "The provided continue parameter is too old")], "new": [page("b")]})
    found = await cluster.list_shapes(CONFIG_MAP, Shape)
    assert [shape.metadata.name for shape in found] == ["a", "b"]


async def test_pages_that_expire_for_ever(cluster: KubeCluster, peer: Peer) -> None:
    pages(peer, {"": [page("a", token="t")] * 9, "t": [status(410)] * 9})
    with pytest.raises(WatchExpiredError):
        await cluster.list_objects(CONFIG_MAP)
    assert len(peer.seen("GET", ALL)) == 6


async def test_an_object_without_a_field_that_the_shape_needs(cluster: KubeCluster, peer: Peer) -> None:
    pages(peer, {"": [Answer(body={"items": [{"metadata": {}}]})]})
    with pytest.raises(ClusterApiError, match="name"):
        await cluster.list_shapes(CONFIG_MAP, Shape)


@given(st.lists(st.lists(st.text(max_size=8), max_size=5), min_size=1, max_size=6))
async def test_nothing_is_lost_or_told_twice_however_it_is_cut(contents: list[list[str]]) -> None:
    async with connected() as (peer, cluster):
        answers = {}
        for number, names in enumerate(contents):
            last = number == len(contents) - 1
            answers[f"t{number}" if number else ""] = [page(*names, token="" if last else f"t{number + 1}")]
        pages(peer, answers)
        found = await cluster.list_shapes(CONFIG_MAP, Shape)
    assert [shape.metadata.name for shape in found] == [name for names in contents for name in names]


POD = KindRef("v1", "Pod")
PODS = "/api/v1/pods"


def pods(*names: str, token: str = "") -> bytes:
    """As an API server writes them in protobuf."""
    metadata: Any = named("ListMeta")(resourceVersion="9")
    setattr(metadata, "continue", token)
    items = (named("Pod")(metadata=named("ObjectMeta")(name=name)).SerializeToString() for name in names)
    return envelope(items, metadata.SerializeToString())


async def names(cluster: KubeCluster) -> list[str]:
    return [shape.metadata.name for shape in await cluster.list_shapes(POD, OwnedShape)]


async def test_a_built_in_kind_comes_at_once_uncompressed_and_as_fresh_as_from_etcd(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", PODS, Answer(body=pods("a", "b")))
    assert await names(cluster) == ["a", "b"]
    (request,) = peer.seen("GET", PODS)
    assert request.headers["accept"] == "application/vnd.kubernetes.protobuf,application/json"
    assert request.headers["accept-encoding"] == "identity"
    # Neither a limit, which has etcd asked, nor resourceVersion=0, which may be told of any time.
    assert request.query == {}


async def test_an_answer_in_json_is_read_all_the_same(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", PODS, page("a", "b"))
    assert await names(cluster) == ["a", "b"]


@pytest.mark.parametrize("version", ["v1.30.9", "v1.29+", "whatever"])
async def test_an_older_api_server_is_asked_for_pages(peer: Peer, tmp_path: Path, version: str) -> None:
    answers = {"": pods("a", token="t"), "t": pods("b")}

    def script(request: Request) -> Answer | None:
        if request.path == "/version":
            return Answer(body={"gitVersion": version})
        return Answer(body=answers[request.query.get("continue", "")]) if request.path == PODS else None

    peer.script = script
    async with connect(peer.kubeconfig(tmp_path)) as cluster:
        assert await names(cluster) == ["a", "b"]
    assert [request.query["limit"] for request in peer.seen("GET", PODS)] == ["500", "500"]


async def test_over_a_slow_network_it_is_page_by_page(cluster: KubeCluster, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_PATIENCE", 0.0)
    monkeypatch.setattr(lists, "_PACE", 1e18)
    big = pods(*("a" * 1000 for _ in range(3000)))

    def script(request: Request) -> Answer | None:
        if request.path != PODS:
            return None
        return Answer(body=pods("a") if "limit" in request.query else big)

    peer.script = script
    assert await names(cluster) == ["a"]
    assert ["limit" in request.query for request in peer.seen("GET", PODS)] == [False, True]
    assert "gzip" in peer.seen("GET", PODS)[1].headers["accept-encoding"]


@pytest.mark.usefixtures("no_waits")
async def test_an_answer_that_breaks_off_is_read_from_its_start(cluster: KubeCluster, peer: Peer) -> None:
    whole = pods("a", "b")
    peer.play("GET", PODS, Answer(body=whole[:-20], fault="cut"), Answer(body=whole))
    assert await names(cluster) == ["a", "b"]


async def test_an_answer_that_ends_too_soon_is_no_list(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", PODS, Answer(body=pods("a", "b")[:-20]))
    with pytest.raises(ClusterApiError, match="cut short"):
        await names(cluster)
