"""Requests with retries. A request that may have taken effect is sent again only where that changes nothing."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec
import stamina

from resail.errors import ClusterApiError, ResailError
from resail.kube.errors import error_of_failure, error_of_status, status_of

__all__ = ["Api"]

_ATTEMPTS = 6
_TOTAL = 60.0  # seconds over all attempts
_FIRST_WAIT = 0.25
_LONGEST_WAIT = 8.0
_LONGEST_RETRY_AFTER = 20.0

_TEMPORARY = frozenset({429, 500, 502, 503, 504})
_REFUSED_UNTOUCHED = frozenset({429, 503})
"""Answers that say: nothing was done."""


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
        """Send it until it is answered, for a minute at most, and return the body.

        Args:
            what: method and object, for messages.
            repeatable: False where sending it twice is not the same as once.

        Raises:
            ClusterUnreachableError: no answer, or the credentials are not accepted.
            ClusterApiError: the API refused; a subclass says how.
        """
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Accept": accept} | ({"Content-Type": content_type} if content is not None else {})

        async def attempt() -> bytes:
            try:
                answer = await self._client.request(method, path, params=params, content=content, headers=headers)
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
                mapped = error_of_failure(error, what)
                never_sent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
                if isinstance(error, httpx2.TransportError) and (repeatable or never_sent):
                    raise _AgainError(mapped, None) from error
                raise mapped from error
            if answer.is_success:
                return answer.content
            status = status_of(answer.status_code, answer.content)
            mapped = error_of_status(status, what)
            temporary = _TEMPORARY if repeatable else _REFUSED_UNTOUCHED
            if type(mapped) is ClusterApiError and status.code in temporary:
                raise _AgainError(mapped, _retry_after(answer))
            raise mapped

        caller = stamina.AsyncRetryingCaller(
            attempts=_ATTEMPTS, timeout=_TOTAL, wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT
        ).on(_wait_for)
        try:
            return await caller(attempt)
        except _AgainError as given_up:
            raise given_up.error from given_up.__cause__

    @asynccontextmanager
    async def stream(self, path: str, *, what: str, params: dict[str, str]) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of a long answer, without retries.

        Raises:
            ResailError: as ``request``; also while the lines are read.
        """
        timeout = httpx2.Timeout(10.0, read=float(params["timeoutSeconds"]) + 15.0)
        try:
            async with self._client.stream("GET", path, params=params, timeout=timeout) as answer:
                if not answer.is_success:
                    raise error_of_status(status_of(answer.status_code, await answer.aread()), what)
                yield answer.aiter_lines()
        except (httpx2.HTTPError, OSError) as error:
            raise error_of_failure(error, what) from error


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
