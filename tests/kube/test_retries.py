"""What is sent again, after how long, and what is never sent twice."""

import asyncio
import json
import socket
import time
from pathlib import Path

import pytest
import stamina

from resail.errors import ApiConflictError, ClusterApiError, ClusterUnreachableError, NotFoundError, ResailError
from resail.kube import KubeCluster, connect
from resail.models.identity import Manifest, ObjectRef
from tests.kube.peer import KUBECONFIG, Answer, Peer, Request, status

SETTINGS = ObjectRef("v1", "ConfigMap", "shop", "settings")
OBJECT: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"}}
ALL = "/api/v1/namespaces/shop/configmaps"
ONE = f"{ALL}/settings"
POD = ObjectRef("v1", "Pod", "shop", "cart-0")
POD_PATH = "/api/v1/namespaces/shop/pods/cart-0"
EVICTION = f"{POD_PATH}/eviction"

UNCLEAR = [Answer(fault="reset"), Answer(200, b'{"half":', fault="cut"), status(500), status(502), status(503), status(504)]
"""After any of these the request may have had its effect."""
UNTOUCHED = [status(429), status(429, Retry_After="0"), status(503, Retry_After="0")]


def name(answer: Answer) -> str:
    return answer.fault or f"{answer.code}{'-retry-after' if answer.headers else ''}"


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("answer", [*UNCLEAR, *UNTOUCHED], ids=name)
async def test_reading_is_repeated(cluster: KubeCluster, peer: Peer, answer: Answer) -> None:
    peer.play("GET", ONE, answer, answer, Answer(body=OBJECT))
    assert await cluster.get(SETTINGS) == OBJECT
    assert len(peer.seen("GET", ONE)) == 3


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("answer", [*UNCLEAR, *UNTOUCHED], ids=name)
async def test_what_is_the_same_done_twice_is_repeated(cluster: KubeCluster, peer: Peer, answer: Answer) -> None:
    peer.play("PATCH", ONE, answer, Answer(body=OBJECT))
    await cluster.apply(OBJECT)
    peer.play("PATCH", ONE, answer, Answer(body=OBJECT))
    await cluster.patch(SETTINGS, {"data": {"a": "1"}})
    peer.play("POST", ALL, answer, Answer(body=OBJECT))
    await cluster.create(OBJECT, dry_run=True)
    sent = [request.method for request in peer.requests if request.method in ("PATCH", "POST")]
    assert sent == ["PATCH"] * 4 + ["POST"] * 2


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("answer", UNCLEAR, ids=name)
async def test_what_is_not_the_same_done_twice_is_sent_once(cluster: KubeCluster, peer: Peer, answer: Answer) -> None:
    peer.play("POST", ALL, answer)
    with pytest.raises(ResailError):
        await cluster.create(OBJECT)
    assert len(peer.seen("POST", ALL)) == 1


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("answer", UNCLEAR, ids=name)
async def test_a_patch_of_one_version_cannot_take_effect_twice(cluster: KubeCluster, peer: Peer, answer: Answer) -> None:
    peer.play("PATCH", ONE, answer, status(409, "the object has been modified"))
    with pytest.raises(ApiConflictError):
        await cluster.patch(SETTINGS, {"metadata": {"resourceVersion": "7"}, "data": {"a": "1"}})
    assert len(peer.seen("PATCH", ONE)) == 2


def play_evictions(peer: Peer, *answers: Answer) -> None:
    left = list(answers)

    def script(request: Request) -> Answer | None:
        if request.path == EVICTION:
            return left.pop(0)
        return Answer(body={"metadata": {"uid": "of-the-first"}}) if request.path == POD_PATH else None

    peer.script = script


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("answer", [*UNCLEAR, *UNTOUCHED], ids=name)
@pytest.mark.parametrize(
    "last",
    [
        Answer(201, {}),
        status(404),
        status(409, "Precondition failed: UID in precondition: of-the-first, UID in object meta: of-the-second"),
    ],
    ids=["done", "gone", "another"],
)
async def test_an_eviction_is_of_one_pod_however_often_it_is_sent(
    cluster: KubeCluster, peer: Peer, answer: Answer, last: Answer
) -> None:
    play_evictions(peer, answer, last)
    await cluster.evict(POD)
    sent = [json.loads(request.body)["deleteOptions"] for request in peer.seen("POST", EVICTION)]
    assert sent == [{"preconditions": {"uid": "of-the-first"}}] * 2


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("answer", UNTOUCHED, ids=name)
async def test_any_write_is_repeated_where_nothing_was_done(cluster: KubeCluster, peer: Peer, answer: Answer) -> None:
    peer.play("POST", ALL, answer, Answer(201, OBJECT))
    await cluster.create(OBJECT)
    assert len(peer.seen("POST", ALL)) == 2


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("answer", UNCLEAR, ids=name)
async def test_a_repeated_delete_that_finds_nothing_has_been_done(cluster: KubeCluster, peer: Peer, answer: Answer) -> None:
    peer.play("DELETE", ONE, answer, status(404))
    await cluster.delete(SETTINGS)
    assert len(peer.seen("DELETE", ONE)) == 2


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("answers", [[status(404)], [status(429), status(404)]], ids=["at-once", "after-429"])
async def test_a_delete_that_had_no_effect_before_is_not_found(cluster: KubeCluster, peer: Peer, answers: list[Answer]) -> None:
    peer.play("DELETE", ONE, *answers)
    with pytest.raises(NotFoundError):
        await cluster.delete(SETTINGS)


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("code", [400, 403, 404, 409, 410, 422])
async def test_a_clear_no_is_taken_at_once(cluster: KubeCluster, peer: Peer, code: int) -> None:
    peer.play("GET", ONE, status(code))
    with pytest.raises(ClusterApiError):
        await cluster.get(SETTINGS)
    assert len(peer.seen("GET", ONE)) == 1


@pytest.mark.usefixtures("no_waits")
async def test_the_last_answer_is_told_when_patience_ends(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", ONE, status(500, "etcd has no leader"))
    with pytest.raises(ClusterApiError, match="etcd has no leader") as caught:
        await cluster.get(SETTINGS)
    assert caught.value.on == "get shop/ConfigMap/settings"
    assert len(peer.seen("GET", ONE)) == 6


async def test_retry_after_is_waited_for(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", ONE, status(429, Retry_After="1"), Answer(body=OBJECT))
    began = time.monotonic()
    await cluster.get(SETTINGS)
    assert 1.0 <= time.monotonic() - began < 5.0


async def test_without_retry_after_there_is_a_pause_too(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", ONE, status(503), Answer(body=OBJECT))
    began = time.monotonic()
    await cluster.get(SETTINGS)
    assert 0.2 <= time.monotonic() - began < 5.0


async def test_cancelling_ends_the_waiting(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("GET", ONE, Answer(fault="hang"))
    task = asyncio.ensure_future(cluster.get(SETTINGS))
    done, _ = await asyncio.wait([task], timeout=0.1)
    assert not done
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.usefixtures("no_waits")
async def test_an_unclear_conflict_of_a_repeated_apply_is_told(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("PATCH", ONE, Answer(fault="reset"), status(409))
    with pytest.raises(ApiConflictError):
        await cluster.apply(OBJECT)


async def test_a_server_that_never_answered_is_asked_once(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        (tmp_path / "config").write_text(KUBECONFIG.format(server=f"http://127.0.0.1:{held.getsockname()[1]}"))
        began = time.monotonic()
        with pytest.raises(ClusterUnreachableError, match="does not answer"):
            async with connect(tmp_path / "config"):
                pass
        assert time.monotonic() - began < 2.0


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(("breaks", "asked"), [(2, 3), (9, 3)])
async def test_a_server_that_breaks_the_first_connections_is_asked_a_few_times(
    peer: Peer, tmp_path: Path, breaks: int, asked: int
) -> None:
    peer.play("GET", "/version", *[Answer(fault="reset")] * breaks, Answer(body={"gitVersion": "v1.31.0"}))
    try:
        async with connect(peer.kubeconfig(tmp_path)):
            assert breaks < asked
    except ClusterUnreachableError:
        assert breaks >= asked
    assert len(peer.seen("GET", "/version")) == asked


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(("code", "attempts"), [(500, 6), (502, 20), (503, 20), (504, 20), (429, 20)])
async def test_more_patience_with_an_api_that_is_away_than_with_one_that_fails(
    cluster: KubeCluster, peer: Peer, code: int, attempts: int
) -> None:
    """Behind a load balancer an API server that starts anew is a 503, a webhook that is broken is a 500 as long as it is."""
    with stamina.set_testing(True, attempts=20, cap=True):
        peer.play("GET", ONE, status(code))
        with pytest.raises(ClusterApiError):
            await cluster.get(SETTINGS)
    assert len(peer.seen("GET", ONE)) == attempts


async def test_a_server_that_is_gone_for_a_moment_is_asked_again(cluster: KubeCluster, peer: Peer) -> None:
    """Its port refuses connections, as while an API server starts anew: even a create was surely not sent."""
    await cluster.resource_kinds()
    peer.play("POST", ALL, Answer(201, OBJECT))
    await peer.close()
    creation = asyncio.ensure_future(cluster.create(OBJECT))
    done, _ = await asyncio.wait([creation], timeout=0.2)
    assert not done
    await peer.open()
    assert await creation == OBJECT
    assert len(peer.seen("POST", ALL)) == 1


async def test_two_hundred_that_is_no_kubernetes_api(peer: Peer, tmp_path: Path) -> None:
    peer.play("GET", "/version", Answer(200, b"<html>Sign in</html>"))
    with pytest.raises(ClusterUnreachableError, match="not a Kubernetes API server"):
        async with connect(peer.kubeconfig(tmp_path)):
            pass


async def test_credentials_that_are_not_accepted(peer: Peer, tmp_path: Path) -> None:
    peer.play("GET", "/version", status(401, "Unauthorized"))
    with pytest.raises(ClusterUnreachableError, match="Unauthorized") as caught:
        async with connect(peer.kubeconfig(tmp_path)):
            pass
    assert "log in again" in caught.value.next_step
