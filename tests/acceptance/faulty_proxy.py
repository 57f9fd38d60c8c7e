"""A proxy on loopback that makes an API server hostile: a tenth of the calls goes wrong, as a seed tells.

It is named as the server in a kubeconfig, so that whatever talks to the API, by whatever client, meets it. It has the bed's own
certificate and speaks HTTP/1.1, as it tells Go's clients when they ask for HTTP/2; the bed authenticates by tokens, which pass.
"""

import asyncio
import contextlib
import random
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from resail.testbed.bed import Bed

__all__ = ["FAULTS", "FaultyProxy", "hostile_api"]

FAULTS = ("429", "429-retry-after", "500", "503", "reset-before", "reset-after", "cut", "hang")
"""``before`` the request reached the API server, or ``after`` it had its effect; ``cut`` is half of an answer."""

_SHARE = 0.1
_HANG = 2.0  # seconds, and then the connection breaks
_WATCHED = 2.0  # seconds after which a watch that shall be cut breaks off


class Call(msgspec.Struct, frozen=True):
    """One request, as it came in."""

    method: str
    target: str
    agent: str
    fault: str
    """Empty where it was let through."""


class FaultyProxy:
    """Knows all calls that it saw."""

    def __init__(self, seed: int, bed: Bed) -> None:
        self.calls: list[Call] = []
        self._seed = seed
        self._times: Counter[str] = Counter()
        self._upstream = bed.layout.ports().api
        self._trust = ssl.create_default_context(cafile=str(bed.layout.certificate))
        self._own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._own.load_cert_chain(bed.layout.certificate, bed.layout.key)
        self._own.set_alpn_protocols(["http/1.1"])

    @property
    def faults(self) -> Counter[str]:
        return Counter(call.fault for call in self.calls if call.fault)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its address, for the time of the context."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, ssl=self._own)
        try:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    def _fault(self, method: str, target: str) -> str:
        """By the call alone and how often it was made, as nobody knows the order of calls that are made at the same time."""
        call = f"{method} {target}"
        self._times[call] += 1
        dice = random.Random(f"{self._seed} {self._times[call]} {call}")
        return dice.choice(FAULTS) if dice.random() < _SHARE else ""

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request; a client makes a connection for each."""
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                body = await _body(head, reader)
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
                fault = self._fault(method, target)
                self.calls.append(Call(method, target, _header(head, b"user-agent"), fault))
                await self._give(fault, "watch=" in target, _closing(head) + body, writer)
        finally:
            writer.close()

    async def _give(self, fault: str, endless: bool, request: bytes, writer: asyncio.StreamWriter) -> None:
        match fault:
            case "":
                await self._relay(request, writer)
                return
            case "429" | "429-retry-after" | "500" | "503":
                writer.write(_refusal(fault))
                await writer.drain()
                return
            case "hang":
                await asyncio.sleep(_HANG)
            case "reset-after" if not endless:
                await self._answer(request)
            case "cut" if endless:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._relay(request, writer), _WATCHED)
            case "cut":
                answer = await self._answer(request)
                writer.write(answer[: len(answer) // 2])
                await writer.drain()
        writer.transport.abort()

    async def _relay(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        async with self._asked(request) as upstream:
            while part := await upstream.read(65536):
                writer.write(part)
                await writer.drain()

    async def _answer(self, request: bytes) -> bytes:
        async with self._asked(request) as upstream:
            return await upstream.read()

    @asynccontextmanager
    async def _asked(self, request: bytes) -> AsyncIterator[asyncio.StreamReader]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream, ssl=self._trust)
        try:
            writer.write(request)
            yield reader
        finally:
            writer.close()


@contextmanager
def hostile_api(bed: Bed, seed: int, kubeconfig: Path) -> Iterator[FaultyProxy]:
    """A proxy before the bed's API server, in a thread of its own; ``kubeconfig`` is written, for ``resail`` through it."""
    proxy = FaultyProxy(seed, bed)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    serving = proxy.serving()
    try:
        url = asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result()
        text = bed.kubeconfig.read_text()
        kubeconfig.write_text(text.replace(f"https://127.0.0.1:{bed.layout.ports().api}", url))
        yield proxy
        asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _header(head: bytes, name: bytes) -> str:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip().decode("latin-1")
    return ""


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    if _header(head, b"transfer-encoding"):
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            body += await reader.readuntil(b"\r\n")
        return body
    return await reader.readexactly(int(_header(head, b"content-length") or "0"))


def _closing(head: bytes) -> bytes:
    """The head, asking the API server to close the connection after its answer: that is how its end is seen."""
    lines = [line for line in head.rstrip(b"\r\n").split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


def _refusal(fault: str) -> bytes:
    code = int(fault[:3])
    body = msgspec.json.encode(
        {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "the proxy says no"}
    )
    lines = [f"HTTP/1.1 {code} Faulty", "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close"]
    if fault.endswith("retry-after"):
        lines.append("Retry-After: 1")
    return "\r\n".join([*lines, "", ""]).encode() + body
