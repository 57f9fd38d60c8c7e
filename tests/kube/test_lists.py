"""Lists come page by page, whole or not at all."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.errors import ClusterApiError, WatchExpiredError
from resail.kube import KubeCluster
from resail.models.identity import KindRef
from tests.kube.peer import Answer, Peer, Request, connected, status

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
