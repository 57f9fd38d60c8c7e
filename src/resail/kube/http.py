"""Requests with retries. A request that may have taken effect is sent again only where that changes nothing."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx2
import msgspec
import stamina
from lightkube.core.exceptions import ConfigError

from resail.errors import ApiFailingError, ResailError
from resail.kube.errors import error_of_failure, error_of_status, status_of, unreadable
from resail.tenure.tenure import Tenure

__all__ = ["TEMPORARY", "Api"]

T = TypeVar("T")

_TOTAL = 60.0  # seconds over all attempts
_ATTEMPTS = 6
"""Where the API answers 500: often a webhook's fault, and then no wait helps."""
_FIRST_ATTEMPTS = 3
"""Where a server that has never answered takes the connection, but does not answer."""
_FIRST_WAIT = 0.25
_LONGEST_WAIT = 8.0
_LONGEST_RETRY_AFTER = 20.0
_LONGEST_ANSWER = 300.0  # seconds from the request to the answer's last byte
_LARGEST = 1 << 30  # bytes: more than a page of 500 objects of etcd's largest size, 1.5 MiB

TEMPORARY = frozenset({429, 500, 502, 503, 504})
"""Answers that may be others when the same is asked again."""

_FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, ConfigError, OSError)
"""All that the client raises for want of an answer; ConfigError where credentials cannot be read again."""
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class _AgainError(Exception):
    """Send it once more; the answer, or the error for want of one, is what counts when there is no more time."""

    def __init__(self, last: "Answer | ResailError", wait: float | None) -> None:
        super().__init__(str(last))
        self.last = last
        self.wait = wait


class Answer(msgspec.Struct, frozen=True):
    """What a server said, also where that is a no."""

    code: int
    headers: httpx2.Headers
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.code < 300


class Api:
    """A connection to one API server, over which nothing is written once the tenure is over."""

    def __init__(self, client: httpx2.AsyncClient, tenure: Tenure | None = None, largest: int = _LARGEST) -> None:
        self._client = client
        self._tenure = tenure or Tenure()
        self._largest = largest
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
        """Send it until it is answered, as ``exchange`` does, and return the body.

        Raises:
            ClusterUnreachableError: no answer, or the credentials are not accepted.
            ClusterApiError: the API refused; a subclass says how.
        """
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Accept": accept} | ({"Content-Type": content_type} if content is not None else {})
        answer = await self.exchange(
            method, path, what=what, params=params, content=content, headers=headers, repeatable=repeatable
        )
        if not answer.is_success:
            raise error_of_status(status_of(answer.code, answer.body), what)
        return answer.body

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        what: str,
        headers: dict[str, str],
        params: dict[str, str] | None = None,
        content: bytes | None = None,
        repeatable: bool = True,
    ) -> Answer:
        """Send it until it is answered, for a minute or little more, and return the answer, also one that says no.

        A server that has never answered is more likely misnamed than down: one that refuses the connection is not asked again.
        A DELETE that finds nothing when it is repeated has had its effect before: the answer is an empty success.

        Args:
            what: method and object, for messages.
            repeatable: False where sending it twice is not the same as once. It is then repeated only where it
                surely had no effect: it was not sent, or the answer is 429, or 503 with a Retry-After
                (without one, a proxy in between may have lost the answer).

        Raises:
            ClusterUnreachableError: no answer.
            ApiFailingError: one that has no end.
            LeaseLostError: it would write, and the tenure is over; it was not sent.
        """
        built: dict[str, Any] = {"params": params, "content": content, "headers": headers}
        if method != "GET" and "dryRun" not in (params or {}):
            built["extensions"] = {"trace": self._last_look}

        async def whole(response: httpx2.Response) -> Answer:
            return await self._collect(response, what)

        return await self._send(method, path, what, built, whole, repeatable=repeatable)

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
        found = await self._send("GET", path, what, built, lambda response: consume(response.aiter_bytes()))
        if isinstance(found, Answer):
            raise error_of_status(status_of(found.code, found.body), what)
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
    ) -> T | Answer:
        """``exchange``, with what takes an answer that says yes."""
        attempts = 0
        may_have_worked = False

        async def attempt() -> T | Answer:
            nonlocal attempts, may_have_worked
            attempts += 1
            try:
                async with asyncio.timeout(_LONGEST_ANSWER), self._client.stream(method, path, **built) as response:
                    if response.is_success:
                        found = await consume(response)
                        self._has_answered = True
                        return found
                    answer = await self._collect(response, what)
            except _FAILURES as error:
                failure = error_of_failure(error, what)
                never_sent = isinstance(error, _NEVER_SENT)
                may_have_worked |= not never_sent
                is_there = self._has_answered or (not never_sent and attempts < _FIRST_ATTEMPTS)
                if is_there and isinstance(error, httpx2.TransportError) and (repeatable or never_sent):
                    raise _AgainError(failure, None) from error
                raise failure from error
            self._has_answered = True
            if method == "DELETE" and may_have_worked and answer.code == 404:
                return Answer(200, httpx2.Headers(), b"")
            wait = _retry_after(answer)
            untouched = answer.code == 429 or (answer.code == 503 and wait is not None)
            if _is_temporary(answer, what, attempts) and (repeatable or untouched):
                may_have_worked |= not untouched
                raise _AgainError(answer, wait)
            return answer

        caller = stamina.AsyncRetryingCaller(
            attempts=None, timeout=_TOTAL, wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT, wait_jitter=_FIRST_WAIT
        ).on(_wait_for)
        try:
            return await caller(attempt)
        except _AgainError as given_up:
            if isinstance(given_up.last, Answer):
                return given_up.last
            raise given_up.last from given_up.__cause__

    async def _collect(self, response: httpx2.Response, what: str) -> Answer:
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_bytes():
            parts.append(part)
            size += len(part)
            if size > self._largest:
                raise unreadable(f"it is longer than {self._largest} bytes", what)
        return Answer(response.status_code, response.headers, b"".join(parts))

    async def _last_look(self, event: str, _: object) -> None:
        """Before each of the client's own steps, the sending of the last byte among them: a connection may be long in coming."""
        if event.endswith(".started") and "response" not in event:
            self._tenure.check()

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


def _is_temporary(answer: Answer, what: str, attempts: int) -> bool:
    if answer.code not in TEMPORARY or (answer.code == 500 and attempts >= _ATTEMPTS):
        return False
    # A budget that forbids an eviction answers 429, too, and an object that fits no schema 500.
    return isinstance(error_of_status(status_of(answer.code, answer.body), what), ApiFailingError)


def _wait_for(error: Exception) -> bool | float:
    if not isinstance(error, _AgainError):
        return False
    return True if error.wait is None else error.wait


def _retry_after(answer: Answer) -> float | None:
    said = answer.headers.get("Retry-After", "")
    if not said.isdecimal():
        return None
    seconds = min(int(said[:9]), _LONGEST_RETRY_AFTER)
    # Many clients are told the same number; they should not all come back at once.
    return seconds + random.uniform(0, 0.25)
