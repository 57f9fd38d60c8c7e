"""The HTTP client's connections, on asyncio's own streams.

The library's own hand up each TLS record of 16 KB by itself and need a tenth of a millisecond for it, which is most of the
work of a big list. These hand up what the kernel has, up to 256 KB.
"""

import asyncio
import selectors
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpcore2
import httpx2

__all__ = ["with_own_streams"]

_AT_ONCE = 1 << 18  # bytes; asyncio asks the kernel for as many
_NEXT_ADDRESS = 0.25  # seconds, of RFC 8305: then the host's next address is tried as well


def with_own_streams(client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """The client, its direct connections made here; those by a proxy stay the library's."""
    transport = client._transport
    if isinstance(transport, httpx2.AsyncHTTPTransport):
        # The library's pool takes a backend, but the transport above it does not.
        transport._pool._network_backend = _Backend()
    return client


class _Backend(httpcore2.AsyncNetworkBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        local = None if local_address is None else (local_address, 0)
        async with _mapped(timeout, httpcore2.ConnectTimeout, httpcore2.ConnectError):
            stream = _Stream(
                *await asyncio.open_connection(host, port, limit=_AT_ONCE, local_addr=local, happy_eyeballs_delay=_NEXT_ADDRESS)
            )
        for option in socket_options or ():
            stream.get_extra_info("socket").setsockopt(*option)
        return stream

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """More than ``max_bytes``: the library says 64 KB, but takes any number."""
        async with _mapped(timeout, httpcore2.ReadTimeout, httpcore2.ReadError):
            return await self._reader.read(max(max_bytes, _AT_ONCE))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        async with _mapped(timeout, httpcore2.WriteTimeout, httpcore2.WriteError):
            self._writer.write(buffer)
            await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()
        await asyncio.sleep(0)
        # Nobody waits for the other side's farewell.
        self._writer.transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with _mapped(timeout, httpcore2.ConnectTimeout, httpcore2.ConnectError):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except BaseException:
            await self.aclose()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "is_readable":
                return self._is_over()
            case "client_addr":
                return self._writer.get_extra_info("sockname")
            case "server_addr":
                return self._writer.get_extra_info("peername")
            case _:
                return self._writer.get_extra_info(info)

    def _is_over(self) -> bool:
        """Is it of no more use? Asked while it is idle, when the other side can only have closed it."""
        if self._writer.is_closing() or self._reader.at_eof() or self._reader.exception() is not None:
            return True
        # The event loop may not have looked for long.
        with selectors.DefaultSelector() as selector:
            selector.register(self._writer.get_extra_info("socket"), selectors.EVENT_READ)
            return bool(selector.select(0))


@asynccontextmanager
async def _mapped(
    timeout: float | None, too_late: type[httpcore2.TimeoutException], broken: type[httpcore2.NetworkError]
) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError as error:
        raise too_late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error
