"""A way to the API for programs that give up at its first cough: Helm, istioctl.

client-go repeats a request only where the answer has a Retry-After, or where a GET's connection breaks (its
``rest/with_retry.go``), and one action of an installer makes a hundred requests. Through a server on loopback they are sent
as our own are. For the installer it is the API server, under a kubeconfig of its own.
"""

import asyncio
import base64
import contextlib
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import h11
import httpx2
import msgspec

from resail.errors import ResailError
from resail.kube.config import http_client
from resail.kube.http import TEMPORARY, Api
from resail.models.access import KubeAccess
from resail.tenure.tenure import Tenure

__all__ = ["Gateway", "open_gateway"]

_BLOCK = 65536  # bytes

_OWN_HEADERS = frozenset(
    {
        *("authorization", "connection", "host", "upgrade"),
        *("accept-encoding", "content-encoding", "content-length", "transfer-encoding"),
    }
)
"""What counts for one of the two connections only: not passed on, in either direction."""

_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: gateway, cluster: {{server: "http://gateway:{token}@127.0.0.1:{port}"}}}}]
users: [{{name: gateway, user: {{}}}}]
contexts: [{{name: gateway, context: {{cluster: gateway, user: gateway}}}}]
current-context: gateway
"""
"""The token stands in the address since client-go sends a user's only over TLS; Go's errors show it as ``***``."""


@asynccontextmanager
async def open_gateway(access: KubeAccess, tenure: Tenure | None = None) -> AsyncIterator["Gateway"]:
    """A way to the cluster of ``access``, as its user, for the time of the context; nothing is written over it after the tenure.

    Its token is known to whoever may read its kubeconfig, which is our user alone, and opens nothing but this gateway. What
    needs HTTP's Upgrade (``exec``, ``port-forward``) does not pass.

    Raises:
        ClusterUnreachableError: the kubeconfig of ``access`` cannot be used.
    """
    token = secrets.token_urlsafe(32)
    with tempfile.TemporaryDirectory(prefix="resail-") as folder:
        async with http_client(access) as client:
            gateway = Gateway(client, token, Path(folder) / "kubeconfig", tenure)
            server = await asyncio.start_server(gateway.converse, "127.0.0.1", 0)
            gateway.kubeconfig.write_text(_KUBECONFIG.format(port=server.sockets[0].getsockname()[1], token=token))
            try:
                yield gateway
            finally:
                server.close()
                await gateway.close()


class Gateway:
    """An open one; ``kubeconfig`` names it."""

    def __init__(self, client: httpx2.AsyncClient, token: str, kubeconfig: Path, tenure: Tenure | None = None) -> None:
        self.kubeconfig = kubeconfig
        self.failures = 0
        """Requests for which patience ended, or could not begin: what fails now may succeed when it is done again."""
        self._client = client
        self._api = Api(client, tenure)
        self._authorization = f"Basic {base64.b64encode(f'gateway:{token}'.encode()).decode()}"
        self._conversations: set[asyncio.Task[None]] = set()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the installer, request after request."""
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        door = _Door(reader, writer)
        try:
            # A conversation that breaks off is the installer's to deal with, as with any API server.
            with contextlib.suppress(ConnectionError, h11.ProtocolError, httpx2.HTTPError):
                while (request := await door.next_request()) is not None:
                    await self._answer(door, request, await door.body())
        finally:
            self._conversations.discard(task)
            writer.close()

    async def close(self) -> None:
        """Break off what is under way."""
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _answer(self, door: "_Door", request: h11.Request, body: bytes) -> None:
        method, target = request.method.decode(), request.target.decode()
        given = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
        headers = {name: value for name, value in given.items() if name not in _OWN_HEADERS}
        if not secrets.compare_digest(given.get("authorization", ""), self._authorization):
            await door.say(401, {}, _status(401, "Unauthorized", "this is not for you"))
        elif _is_endless(target):
            await self._stream(door, method, target, headers)
        else:
            content = body or None
            repeatable = method != "POST" and given.get("content-type") != "application/json-patch+json"
            try:
                answer = await self._api.exchange(
                    method, target, what=f"{method} {target}", headers=headers, content=content, repeatable=repeatable
                )
            except ResailError as error:
                self.failures += 1
                await door.say(503, {}, _status(503, "ServiceUnavailable", str(error)))
            else:
                self.failures += answer.code in TEMPORARY
                await door.say(answer.code, _passed_on(answer.headers), answer.body)

    async def _stream(self, door: "_Door", method: str, target: str, headers: dict[str, str]) -> None:
        timeout = httpx2.Timeout(10.0, read=None)
        async with self._client.stream(method, target, headers=headers, timeout=timeout) as answer:
            await door.begin(answer.status_code, _passed_on(answer.headers))
            async for chunk in answer.aiter_bytes():
                await door.go_on(chunk)
            await door.end()


class _Door:
    """One connection, with HTTP spoken on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def next_request(self) -> h11.Request | None:
        """None: there is no other."""
        if self._http.our_state is h11.MUST_CLOSE:
            return None
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        event = await self._next_event()
        return event if isinstance(event, h11.Request) else None

    async def body(self) -> bytes:
        parts = []
        while isinstance(event := await self._next_event(), h11.Data):
            parts.append(bytes(event.data))
        return b"".join(parts)

    async def say(self, code: int, headers: dict[str, str], body: bytes) -> None:
        await self.begin(code, {**headers, "content-length": str(len(body))})
        await self.go_on(body)
        await self.end()

    async def begin(self, code: int, headers: dict[str, str]) -> None:
        await self._send(h11.Response(status_code=code, headers=list(headers.items())))

    async def go_on(self, part: bytes) -> None:
        await self._send(h11.Data(data=part))

    async def end(self) -> None:
        await self._send(h11.EndOfMessage())

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._reader.read(_BLOCK))
        return event

    async def _send(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()


def _is_endless(target: str) -> bool:
    query = parse_qs(urlsplit(target).query)
    return not {"true", "1"}.isdisjoint(query.get("watch", []) + query.get("follow", []))


def _passed_on(headers: httpx2.Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OWN_HEADERS}


def _status(code: int, reason: str, message: str) -> bytes:
    return msgspec.json.encode(
        {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}
    )
