"""A CONNECT proxy on a Unix socket for kube-apiserver's egress selector: webhook calls reach istiods on loopback."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

__all__ = ["serve"]

Resolve = Callable[[str, int], Awaitable[int | None]]
"""Address and port as the API server sees them → port on loopback; None where nothing answers there."""

_CHUNK = 65536


async def serve(socket: Path, resolve: Resolve) -> asyncio.Server:
    """Listen on ``socket``."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await _connect(reader, writer, resolve)
        writer.close()

    socket.unlink(missing_ok=True)
    return await asyncio.start_unix_server(handle, socket)


async def _connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, resolve: Resolve) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    host, _, port = head.split()[1].rpartition(":")
    goal = await resolve(host.strip("[]"), int(port))
    try:
        if goal is None:
            raise ConnectionRefusedError("nothing answers there")
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", goal)
    except OSError as error:
        writer.write(f"HTTP/1.1 502 {host}:{port}: {error}\r\n\r\n".encode())
        await writer.drain()
        return
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
