"""The CONNECT proxy through which the API server calls webhooks."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resail.testbed.egress import serve


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that sends back what it gets."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def _call(socket: Path, target: str) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    return await reader.readuntil(b"\r\n\r\n"), reader, writer


async def test_a_call_goes_where_it_is_sent(tmp_path: Path, echo: int) -> None:
    asked: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> int | None:
        asked.append((host, port))
        return echo

    async with await serve(tmp_path / "s", resolve):
        head, reader, writer = await _call(tmp_path / "s", "10.96.0.7:443")
        assert head.startswith(b"HTTP/1.1 200 ")
        payload = bytes(range(256)) * 4096
        writer.write(payload)
        assert await reader.readexactly(len(payload)) == payload
        writer.close()
        await _call(tmp_path / "s", "[fd00::1]:15017")
    assert asked == [("10.96.0.7", 443), ("fd00::1", 15017)]


async def test_nobody_there_is_told(tmp_path: Path) -> None:
    async def nobody(host: str, port: int) -> int | None:
        return None

    async with await serve(tmp_path / "s", nobody):
        head, reader, _ = await _call(tmp_path / "s", "10.96.0.7:443")
        assert head.startswith(b"HTTP/1.1 502 10.96.0.7:443")
        assert await reader.read() == b""


async def test_a_call_that_waits_holds_up_no_other(tmp_path: Path, echo: int) -> None:
    ready = asyncio.Event()

    async def resolve(host: str, port: int) -> int | None:
        if host == "late":
            await ready.wait()
        return echo

    async with await serve(tmp_path / "s", resolve):
        late = asyncio.create_task(_call(tmp_path / "s", "late:443"))
        head, _, _ = await _call(tmp_path / "s", "early:443")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert not late.done()
        ready.set()
        assert (await late)[0].startswith(b"HTTP/1.1 200 ")


async def test_an_old_socket_is_replaced(tmp_path: Path, echo: int) -> None:
    async def resolve(host: str, port: int) -> int | None:
        return echo

    (tmp_path / "s").write_text("left behind")
    async with await serve(tmp_path / "s", resolve):
        assert (await _call(tmp_path / "s", "x:1"))[0].startswith(b"HTTP/1.1 200 ")
