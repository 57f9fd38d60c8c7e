"""A watch goes on whatever happens to the connection, and tells each change once."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from resail.cluster import WatchEvent
from resail.errors import ClusterApiError, ClusterUnreachableError, ForbiddenError
from resail.kube import KubeCluster
from resail.models.identity import KindRef, Manifest
from tests.kube.peer import Answer, Peer, Request, status

CONFIG_MAP = KindRef("v1", "ConfigMap")
ALL = "/api/v1/configmaps"

Told = tuple[str, str, str]
"""Type, name, resourceVersion."""


def thing(name: str, version: int, uid: str = "", text: str = "") -> Manifest:
    metadata = {"name": name, "uid": uid or name, "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text}}


def listed(version: int, *things: Manifest) -> Answer:
    return Answer(body={"metadata": {"resourceVersion": str(version)}, "items": list(things)})


def lines(*events: tuple[str, Manifest]) -> bytes:
    return b"".join(json.dumps({"type": kind, "object": it}, ensure_ascii=False).encode() + b"\n" for kind, it in events)


def watched(*events: tuple[str, Manifest], fault: str = "") -> Answer:
    return Answer(body=lines(*events), fault=fault)


GONE = {
    "kind": "Status",
    "apiVersion": "v1",
    "code": 410,
    "reason": "Expired",
    "message": "too old resource version",
    "metadata": {},
}


def play(peer: Peer, lists: list[Answer], watches: list[Answer]) -> None:
    """Lists and watches, each one after the other; the last watch stays open."""
    remaining = {"list": lists, "watch": [*watches, Answer(body=b"", fault="stay")]}

    def script(request: Request) -> Answer | None:
        if request.path != ALL:
            return None
        return remaining["watch" if "watch" in request.query else "list"].pop(0)

    peer.script = script


async def told(events: AsyncGenerator[WatchEvent, None], count: int) -> list[Told]:
    found: list[Told] = []
    async with asyncio.timeout(20), aclosing(events) as open_events:
        async for event in open_events:
            metadata: dict[str, Any] = event.object.get("metadata", {})
            found.append((event.type, metadata.get("name", ""), metadata.get("resourceVersion", "")))
            if len(found) == count:
                break
    return found


SYNCED = ("SYNCED", "", "")


async def test_what_is_there_then_synced_then_what_changes(cluster: KubeCluster, peer: Peer) -> None:
    changes = [("MODIFIED", thing("a", 6)), ("ADDED", thing("b", 7)), ("DELETED", thing("a", 8))]
    play(peer, [listed(5, thing("a", 3))], [watched(*changes, fault="stay")])
    assert await told(cluster.watch(CONFIG_MAP), 5) == [
        ("ADDED", "a", "3"),
        SYNCED,
        ("MODIFIED", "a", "6"),
        ("ADDED", "b", "7"),
        ("DELETED", "a", "8"),
    ]
    (request,) = [request for request in peer.requests if "watch" in request.query]
    assert (request.query["resourceVersion"], request.query["allowWatchBookmarks"]) == ("5", "true")


async def test_objects_say_what_they_are(cluster: KubeCluster, peer: Peer) -> None:
    bare = thing("a", 3)
    del bare["apiVersion"], bare["kind"]
    play(peer, [listed(5, bare)], [])
    async with aclosing(cluster.watch(CONFIG_MAP)) as events:
        first = await anext(events)
    assert (first.object["apiVersion"], first.object["kind"]) == ("v1", "ConfigMap")


async def test_where_the_server_ends_it_in_peace_the_next_one_goes_on_from_the_bookmark(cluster: KubeCluster, peer: Peer) -> None:
    bookmark = ("BOOKMARK", {"kind": "ConfigMap", "metadata": {"resourceVersion": "42"}})
    play(peer, [listed(5)], [watched(bookmark), watched(("ADDED", thing("a", 43)), fault="stay")])
    assert await told(cluster.watch(CONFIG_MAP), 2) == [SYNCED, ("ADDED", "a", "43")]
    versions = [request.query["resourceVersion"] for request in peer.requests if "watch" in request.query]
    assert versions == ["5", "42"]


@pytest.mark.parametrize(
    "end",
    [
        status(410, "too old resource version"),
        watched(("ERROR", GONE)),
        watched(("ERROR", {**GONE, "code": 500, "reason": "InternalError"})),
        status(500),
        status(429, Retry_After="0"),
        Answer(fault="reset"),
        watched(fault="cut"),
        Answer(body=b'{"type": "ADDED", "object": {"meta', fault="cut"),
        Answer(body=b'{"type": "ADDED", "object": {"meta'),
        Answer(body=b"<html>\n"),
        watched(),
    ],
    ids=["410", "gone", "error", "500", "429", "reset", "cut", "cut-in-a-line", "ends-in-a-line", "html", "empty"],
)
async def test_after_a_gap_only_the_differences_are_told(cluster: KubeCluster, peer: Peer, end: Answer) -> None:
    before = listed(5, thing("same", 1), thing("changed", 2), thing("gone", 3), thing("again", 4, uid="first"))
    after = listed(9, thing("same", 1), thing("changed", 6), thing("again", 7, uid="second"), thing("new", 8))
    play(peer, [before, after], [end, watched(("DELETED", thing("new", 10)), fault="stay")])
    found = await told(cluster.watch(CONFIG_MAP), 11)
    assert found[:5] == [
        ("ADDED", "same", "1"),
        ("ADDED", "changed", "2"),
        ("ADDED", "gone", "3"),
        ("ADDED", "again", "4"),
        SYNCED,
    ]
    assert found[5:] == [
        ("DELETED", "gone", "3"),
        ("DELETED", "again", "4"),
        ("MODIFIED", "changed", "6"),
        ("ADDED", "again", "7"),
        ("ADDED", "new", "8"),
        ("DELETED", "new", "10"),
    ]


async def test_what_the_watch_told_is_not_told_again_by_the_list(cluster: KubeCluster, peer: Peer) -> None:
    changes = watched(("ADDED", thing("b", 6)), ("MODIFIED", thing("a", 7)), ("DELETED", thing("c", 8)), fault="cut")
    play(peer, [listed(5, thing("a", 1), thing("c", 2)), listed(9, thing("a", 7), thing("b", 9))], [changes])
    found = await told(cluster.watch(CONFIG_MAP), 7)
    assert found[3:] == [("ADDED", "b", "6"), ("MODIFIED", "a", "7"), ("DELETED", "c", "8"), ("MODIFIED", "b", "9")]


async def test_pages_that_expire_under_the_list(cluster: KubeCluster, peer: Peer) -> None:
    first = Answer(body={"metadata": {"resourceVersion": "4", "continue": "t"}, "items": [thing("gone", 1)]})
    play(peer, [first, status(410), listed(5, thing("a", 3))], [])
    assert await told(cluster.watch(CONFIG_MAP), 2) == [("ADDED", "a", "3"), SYNCED]


async def test_a_server_that_ends_each_watch_at_once_is_not_stormed(cluster: KubeCluster, peer: Peer) -> None:
    play(peer, [listed(5)] * 50, [watched()] * 50)
    async with aclosing(cluster.watch(CONFIG_MAP)) as events:
        assert (await anext(events)).type == "SYNCED"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await anext(events)
    assert len([request for request in peer.requests if "watch" in request.query]) <= 3


async def test_line_ends_are_line_feeds_only(cluster: KubeCluster, peer: Peer) -> None:
    """Go leaves U+0085 as it is in JSON; text would be split there."""
    odd = "one\u0085two\u2028three\u000b\u001c"
    play(peer, [listed(5)], [watched(("ADDED", thing("a", 6, text=odd)), fault="stay")])
    async with aclosing(cluster.watch(CONFIG_MAP)) as events:
        assert (await anext(events)).type == "SYNCED"
        assert (await anext(events)).object["data"]["text"] == odd


@pytest.mark.parametrize(
    ("answer", "error"),
    [(status(403), ForbiddenError), (status(401), ClusterUnreachableError), (status(404), ClusterApiError)],
)
async def test_what_will_not_change_ends_it(cluster: KubeCluster, peer: Peer, answer: Answer, error: type[Exception]) -> None:
    play(peer, [listed(5), answer], [answer])
    events = cluster.watch(CONFIG_MAP)
    assert (await anext(events)).type == "SYNCED"
    with pytest.raises(error):
        await anext(events)


async def test_the_connection_is_given_back_when_the_reader_stops(cluster: KubeCluster, peer: Peer) -> None:
    play(peer, [listed(5)], [watched(("ADDED", thing("a", 6)), fault="stay")])
    await told(cluster.watch(CONFIG_MAP), 2)
    await asyncio.wait_for(peer.idle.wait(), 5)
