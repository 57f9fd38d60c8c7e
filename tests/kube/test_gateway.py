"""What an installer's requests become on their way through the gateway."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import yaml

from resail.errors import ClusterUnreachableError
from resail.kube.gateway import Gateway, open_gateway
from resail.models.access import KubeAccess
from tests.kube.peer import Answer, Peer, Request, status

ONE = "/api/v1/namespaces/shop/configmaps/settings"
ALL = "/api/v1/namespaces/shop/configmaps"
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


@asynccontextmanager
async def through(peer: Peer, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a gateway that reaches the peer."""
    async with opened(peer, folder) as (client, _):
        yield client


@asynccontextmanager
async def opened(peer: Peer, folder: Path) -> AsyncIterator[tuple[httpx2.AsyncClient, Gateway]]:
    async with open_gateway(KubeAccess(peer.kubeconfig(folder), None)) as gateway:
        server = yaml.safe_load(gateway.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        async with httpx2.AsyncClient(base_url=server, timeout=30) as client:
            yield client, gateway


async def test_it_is_passed_on_as_it_was_said(peer: Peer, tmp_path: Path) -> None:
    answer = {"kind": "ConfigMap", "data": {"a": "\u00fc"}}
    peer.play("PATCH", ONE, Answer(201, answer, {"Warning": '299 - "old"', "Audit-Id": "7"}))
    async with through(peer, tmp_path) as client:
        headers = {**APPLY, "User-Agent": "Helm/4", "Accept": "application/json, */*"}
        said = await client.patch(f"{ONE}?fieldManager=a%2Fb&force=true", content=b"a: \xc3\xbc", headers=headers)
    assert (said.status_code, said.json(), said.headers["warning"], said.headers["audit-id"]) == (201, answer, '299 - "old"', "7")
    (request,) = peer.requests
    assert (request.query, request.body) == ({"fieldManager": "a/b", "force": "true"}, b"a: \xc3\xbc")
    assert request.headers["user-agent"] == "Helm/4"
    assert request.headers["content-type"] == APPLY["Content-Type"]
    assert request.headers["accept"] == "application/json, */*"
    assert request.headers["authorization"] == "Bearer secret", "as the user of the kubeconfig, whoever asks"


async def test_many_requests_on_one_connection_and_a_no_with_its_reason(peer: Peer, tmp_path: Path) -> None:
    peer.play("GET", ONE, status(404, "not there"), Answer(body={"a": 1}), Answer(200, b"", {"X": "y"}))
    async with through(peer, tmp_path) as client:
        assert (await client.get(ONE)).json()["message"] == "not there"
        assert (await client.get(ONE)).json() == {"a": 1}
        assert (await client.head(ONE)).status_code == 404
        assert (await client.get(ONE)).content == b""


async def test_nobody_else_is_served(peer: Peer, tmp_path: Path) -> None:
    async with through(peer, tmp_path) as client:
        strange = "Basic " + base64.b64encode(b"gateway:guess").decode()
        for headers in ({"Authorization": strange}, {"Authorization": "Bearer secret"}):
            assert (await client.get("/version", headers=headers, auth=httpx2.Auth())).status_code == 401
    assert peer.requests == []


def test_only_the_user_can_read_the_token(tmp_path: Path) -> None:
    async def look() -> None:
        async with open_gateway(KubeAccess(Peer().kubeconfig(tmp_path), None)) as gateway:
            assert gateway.kubeconfig.parent.stat().st_mode & 0o077 == 0
        assert not gateway.kubeconfig.exists()

    asyncio.run(look())


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(
    ("method", "headers", "repeated"),
    [
        ("GET", {}, True),
        ("PUT", {}, True),
        ("PATCH", APPLY, True),
        ("DELETE", {}, True),
        ("PATCH", JSON_PATCH, False),
        ("POST", {}, False),
    ],
)
@pytest.mark.parametrize("answer", [Answer(fault="reset"), status(500)], ids=["reset", "500"])
async def test_what_is_sent_again(
    peer: Peer, tmp_path: Path, answer: Answer, method: str, headers: dict[str, str], repeated: bool
) -> None:
    peer.play(method, ONE, answer, Answer(body={}))
    async with opened(peer, tmp_path) as (client, gateway):
        await client.get("/version")
        said = await client.request(method, ONE, headers=headers)
        assert gateway.failures == (not repeated)
    assert len(peer.seen(method, ONE)) == 1 + repeated
    if repeated:
        assert said.status_code == 200
    else:
        assert said.status_code in (500, 503)
        assert said.json()["kind"] == "Status"


async def test_a_watch_comes_as_it_is_told(peer: Peer, tmp_path: Path) -> None:
    peer.play("GET", ALL, Answer(body=b'{"type": "ADDED"}\n', fault="stay"))
    async with through(peer, tmp_path) as client, client.stream("GET", ALL, params={"watch": "true"}) as told:
        assert told.status_code == 200
        assert await anext(told.aiter_lines()) == '{"type": "ADDED"}'


async def test_it_ends_with_its_context_whatever_is_under_way(peer: Peer, tmp_path: Path) -> None:
    arrived = asyncio.Event()

    def script(request: Request) -> Answer:
        arrived.set()
        return Answer(fault="hang")

    peer.script = script
    async with through(peer, tmp_path) as client:
        asking = asyncio.ensure_future(httpx2.AsyncClient(base_url=client.base_url).get(ONE))
        await arrived.wait()
    with pytest.raises(httpx2.TransportError):
        await asking


async def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnreachableError):
        async with open_gateway(KubeAccess(tmp_path / "none", None)):
            pass
