"""A small HTTP server on loopback that answers as a script says: the adapter's peer in the tests of faults.

It is no Kubernetes API server. What a real one answers is shown in ``tests/contract``.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from resail.kube import KubeCluster, connect

__all__ = ["KUBECONFIG", "Answer", "Peer", "Request", "Script", "connected", "discovery", "serve", "status"]

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{server}"}}}}]
users: [{{name: u, user: {{token: secret}}}}]
contexts: [{{name: here, context: {{cluster: c, user: u}}}}]
current-context: here
"""


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """One answer; ``fault`` is what goes wrong instead of it, or in the middle of it."""

    code: int = 200
    body: Any = None
    """Encoded as JSON unless it is bytes."""
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    """``reset`` without an answer, ``hang`` without one until the peer stops, ``cut`` in the middle of the body,
    or ``stay`` open after the body, until the peer stops."""


Script = Callable[[Request], Answer | None]
"""None: the peer answers by itself."""


class Peer:
    """Answers ``/version`` and discovery by itself, everything by its script first."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: Script = lambda request: None
        self.idle = asyncio.Event()
        """No request hangs or stays open."""
        self._port = 0
        self._stopped = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Listen; the second time on the same port."""
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections, and break those there are."""
        assert self._server is not None
        self._server.close()
        for writer in self._connections:
            writer.transport.abort()
        self._stopped.set()
        self._stopped = asyncio.Event()

    def play(self, method: str, path: str, *answers: Answer) -> None:
        """Give these answers one after the other, the last one for ever."""
        left = list(answers)

        def script(request: Request) -> Answer | None:
            if (request.method, request.path) != (method, path):
                return None
            return left.pop(0) if len(left) > 1 else left[0]

        self.script = script

    def seen(self, method: str, path: str) -> list[Request]:
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    def kubeconfig(self, folder: Path, path: str = "") -> Path:
        """For the server at that path."""
        file = folder / "kubeconfig"
        file.write_text(KUBECONFIG.format(server=self.url + path))
        return file

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                answer = self.script(request) or _own(request)
                if not await self._give(answer, reader, writer):
                    return
        except ConnectionError:
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _give(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """False: the connection is over."""
        if answer.fault in ("hang", "stay"):
            self.idle.clear()
        if answer.fault == "reset":
            writer.transport.abort()
            return False
        if answer.fault == "hang":
            await self._until_over(reader)
            return False
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body, ensure_ascii=False).encode()
        unfinished = answer.fault in ("cut", "stay")
        length = "Transfer-Encoding: chunked" if unfinished else f"Content-Length: {len(body)}"
        lines = [f"HTTP/1.1 {answer.code} Scripted", length, "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        writer.write("\r\n".join((*lines, "", "")).encode())
        writer.write(b"%x\r\n%s\r\n" % (len(body), body) if unfinished and body else b"" if unfinished else body)
        await writer.drain()
        if answer.fault == "stay":
            await self._until_over(reader)
        return not unfinished

    async def _until_over(self, reader: asyncio.StreamReader) -> None:
        """Until the other side closes the connection, or the peer does."""
        ends = [asyncio.ensure_future(reader.read(1)), asyncio.ensure_future(self._stopped.wait())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        self.idle.set()


@asynccontextmanager
async def serve() -> AsyncIterator[Peer]:
    """A peer on a free port of loopback."""
    peer = Peer()
    await peer.open()
    try:
        yield peer
    finally:
        await peer.close()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Peer, KubeCluster]]:
    """A peer, and a connection to it."""
    with tempfile.TemporaryDirectory() as folder:
        async with serve() as peer, connect(peer.kubeconfig(Path(folder))) as cluster:
            yield peer, cluster


def status(code: int, message: str = "no", causes: list[dict[str, str]] | None = None, **headers: str) -> Answer:
    """A ``metav1.Status``."""
    body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    if causes is not None:
        body["details"] = {"causes": causes}
    return Answer(code, body, {name.replace("_", "-"): value for name, value in headers.items()})


def discovery(*kinds: tuple[str, str, str, bool]) -> dict[str, Any]:
    """Aggregated discovery of ``(group, kind, plural, namespaced)``, each in version v1."""
    items = [
        {
            "metadata": {"name": group},
            "versions": [
                {
                    "version": "v1",
                    "resources": [
                        {
                            "resource": plural,
                            "responseKind": {"group": group, "version": "v1", "kind": kind},
                            "scope": "Namespaced" if namespaced else "Cluster",
                            "verbs": ["get", "list", "watch"],
                        }
                    ],
                }
            ],
        }
        for group, kind, plural, namespaced in kinds
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items}


def _own(request: Request) -> Answer:
    match request.path:
        case "/version":
            return Answer(body={"gitVersion": "v1.31.0"})
        case "/api":
            kinds = [("", "ConfigMap", "configmaps", True), ("", "Pod", "pods", True), ("", "Namespace", "namespaces", False)]
            return Answer(body=discovery(*kinds))
        case "/apis":
            return Answer(body=discovery())
        case _:
            return status(404, "the peer has no answer to this")


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    return Request(method, url.path, dict(parse_qsl(url.query)), headers, body)
