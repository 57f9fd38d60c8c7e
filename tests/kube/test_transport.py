"""Connections on asyncio's streams: big answers in big pieces, and none is used that the other side has closed."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from resail.kube.transport import with_own_streams

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
RECORD = 16_384
"""Bytes in a record of TLS."""

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """For 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    openssl = shutil.which("openssl")
    assert openssl, "openssl is needed, as by the test bed"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert", folder / "key"


@asynccontextmanager
async def client_of(converse: Conversation, certificate: tuple[Path, Path]) -> AsyncIterator[httpx2.AsyncClient]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    async with server, with_own_streams(httpx2.AsyncClient(base_url=url, verify=trusting)) as client:
        yield client


async def test_a_big_answer_comes_in_big_pieces(certificate: tuple[Path, Path]) -> None:
    body = bytes(range(256)) * 32_768

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD % len(body) + body)
        await writer.drain()

    async with client_of(answer, certificate) as client, client.stream("GET", "/") as response:
        pieces = [piece async for piece in response.aiter_raw()]
    assert b"".join(pieces) == body
    assert len(pieces) < len(body) / RECORD / 2


async def test_a_connection_that_was_closed_while_idle_is_not_used(certificate: tuple[Path, Path]) -> None:
    connections = 0
    closed = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD % 2 + b"ok")
        await writer.drain()
        writer.close()
        closed.set()

    async with client_of(answer, certificate) as client:
        assert (await client.post("/")).text == "ok"
        await closed.wait()
        assert (await client.post("/")).text == "ok"
    assert connections == 2
