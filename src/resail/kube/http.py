"""Requests with retries. A request that may have taken effect is sent again only where that changes nothing."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx2
import msgspec
import stamina
from lightkube.core.exceptions import ConfigError

from resail.errors import ClusterApiError, NotFoundError, ResailError
from resail.kube.errors import error_of_failure, error_of_status, status_of

__all__ = ["Api"]

T = TypeVar("T")

_ATTEMPTS = 6
_TOTAL = 60.0  # seconds over all attempts
_FIRST_WAIT = 0.25
_LONGEST_WAIT = 8.0
_LONGEST_RETRY_AFTER = 20.0

_TEMPORARY = frozenset({429, 500, 502, 503, 504})

_FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, ConfigError, OSError)
"""All that the client raises for want of an answer; ConfigError where credentials cannot be read again."""
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class _AgainError(Exception):
    """Send it once more; ``error`` is what to raise when there is no more time."""

    def __init__(self, error: ResailError, wait: float | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class Api:
    """A connection to one API server."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._has_answered = False

    async def request(
        self,
        method: str,
        path: str,
        *,
        what: str,
        params: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        repeatable: bool = True,
    ) -> bytes:
        """Send it until it is answered, for a minute or little more, and return the body.

        A server that has never answered is more likely misnamed than down: to it nothing is sent a second time.
        A DELETE that finds nothing when it is repeated has had its effect before, and its body is empty.

        Args:
            what: method and object, for messages.
            repeatable: False where sending it twice is not the same as once. It is then repeated only where it
                surely had no effect: it was not sent, or the answer is 429, or 503 with a Retry-After
                (without one, a proxy in between may have lost the answer).

        Raises:
            ClusterUnreachableError: no answer, or the credentials are not accepted.
            ClusterApiError: the API refused; a subclass says how.
        """
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Accept": accept} | ({"Content-Type": content_type} if content is not None else {})
        built = {"params": params, "content": content, "headers": headers}
        return await self._send(method, path, what, built, httpx2.Response.aread, repeatable=repeatable) or b""

    async def read(
        self,
        path: str,
        *,
        what: str,
        params: dict[str, str],
        accept: str,
        consume: Callable[[AsyncIterator[bytes]], Awaitable[T]],
    ) -> T:
        """GET, and have ``consume`` take the body as it comes in; from its start again where it breaks off.

        The body is asked for without compression, which costs an API server more than a fast network saves.

        Raises:
            ResailError: as ``request``.
        """
        built = {"params": params, "headers": {"Accept": accept, "Accept-Encoding": "identity"}}
        found = await self._send("GET", path, what, built, lambda answer: consume(answer.aiter_bytes()))
        assert found is not None
        return found

    async def _send(
        self,
        method: str,
        path: str,
        what: str,
        built: dict[str, Any],
        consume: Callable[[httpx2.Response], Awaitable[T]],
        *,
        repeatable: bool = True,
    ) -> T | None:
        """``request``, with what takes the answer. None: a DELETE that was repeated found nothing."""
        may_have_worked = False

        async def attempt() -> T | None:
            nonlocal may_have_worked
            try:
                async with self._client.stream(method, path, **built) as answer:
                    if answer.is_success:
                        found = await consume(answer)
                        self._has_answered = True
                        return found
                    await answer.aread()
            except _FAILURES as error:
                mapped = error_of_failure(error, what)
                never_sent = isinstance(error, _NEVER_SENT)
                may_have_worked |= not never_sent
                if self._has_answered and isinstance(error, httpx2.TransportError) and (repeatable or never_sent):
                    raise _AgainError(mapped, None) from error
                raise mapped from error
            self._has_answered = True
            status = status_of(answer.status_code, answer.content)
            mapped = error_of_status(status, what)
            if method == "DELETE" and may_have_worked and isinstance(mapped, NotFoundError):
                return None
            wait = _retry_after(answer)
            untouched = status.code == 429 or (status.code == 503 and wait is not None)
            if type(mapped) is ClusterApiError and status.code in _TEMPORARY and (repeatable or untouched):
                may_have_worked |= not untouched
                raise _AgainError(mapped, wait)
            raise mapped

        caller = stamina.AsyncRetryingCaller(
            attempts=_ATTEMPTS, timeout=_TOTAL, wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT
        ).on(_wait_for)
        try:
            return await caller(attempt)
        except _AgainError as given_up:
            raise given_up.error from given_up.__cause__

    @asynccontextmanager
    async def stream(self, path: str, *, what: str, params: dict[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of a long answer, without retries.

        Raises:
            ResailError: as ``request``; also while the lines are read.
        """
        timeout = httpx2.Timeout(10.0, read=float(params["timeoutSeconds"]) + 15.0)
        try:
            async with self._client.stream("GET", path, params=params, timeout=timeout) as answer:
                if not answer.is_success:
                    raise error_of_status(status_of(answer.status_code, await answer.aread()), what)
                yield _lines(answer.aiter_bytes())
        except _FAILURES as error:
            raise error_of_failure(error, what) from error


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Split at line feeds only: JSON may hold U+0085 and others that count as line ends in text. An unended rest is dropped."""
    pending: list[bytes] = []
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        pending.append(first)
        for following in others:
            yield b"".join(pending)
            pending = [following]


def _wait_for(error: Exception) -> bool | float:
    if not isinstance(error, _AgainError):
        return False
    return True if error.wait is None else error.wait


def _retry_after(answer: httpx2.Response) -> float | None:
    try:
        seconds = float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    # Many clients are told the same number; they should not all come back at once.
    return min(seconds, _LONGEST_RETRY_AFTER) + random.uniform(0, 0.25)
