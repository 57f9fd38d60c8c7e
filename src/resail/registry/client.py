"""Ask registries by their API, version 2 (https://github.com/opencontainers/distribution-spec)."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from resail import __version__
from resail.models.images import ImageAnswer, Outcome
from resail.registry.auth import AuthError, authorization
from resail.registry.credentials import Credential
from resail.registry.manifests import ACCEPT, config_architecture, describe
from resail.registry.reference import ImageReference

__all__ = ["Registries", "open_registries"]

_CONNECT = 3.0
"""Seconds: a registry that this machine cannot reach, but its cluster perhaps can, must not hold a plan up."""
_SILENCE = 10.0
_AT_ONCE = 8


class _FailedError(Exception):
    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.answer = ImageAnswer(outcome, (), detail)


@asynccontextmanager
async def open_registries(connect: float = _CONNECT, silence: float = _SILENCE) -> AsyncIterator["Registries"]:
    """Connections live as long as the context; the proxies of the environment are used.

    Args:
        connect: seconds that a connection may take.
        silence: seconds without a byte after which it counts as broken.
    """
    timeout = httpx2.Timeout(silence, connect=connect)
    headers = {"User-Agent": f"resail/{__version__}"}
    # Blobs are often elsewhere; httpx sends no credentials there.
    async with httpx2.AsyncClient(timeout=timeout, headers=headers, follow_redirects=True) as client:
        yield Registries(client)


class Registries:
    """Answers what is asked of any registry, and remembers which of them do not answer."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._first: dict[str, asyncio.Lock] = {}
        self._unreached: dict[str, ImageAnswer] = {}
        self._answered: set[str] = set()

    async def look_up(self, image: ImageReference, credential: Credential | None = None) -> ImageAnswer:
        """What the registry says of an image; it raises nothing."""
        if image.host not in self._answered:
            # The first one finds out whether the host answers at all, for all others.
            async with self._first.setdefault(image.host, asyncio.Lock()):
                if image.host in self._unreached:
                    return self._unreached[image.host]
                return await self._ask(image, credential)
        async with self._turn:
            return await self._ask(image, credential)

    async def _ask(self, image: ImageReference, credential: Credential | None) -> ImageAnswer:
        try:
            return ImageAnswer("found", await self._architectures(image, credential))
        except _FailedError as failure:
            return failure.answer
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.CookieConflict, OSError) as error:
            answer = ImageAnswer("unreached", (), _words(image.host, error))
            if image.host not in self._answered:
                self._unreached[image.host] = answer
            return answer

    async def _architectures(self, image: ImageReference, credential: Credential | None) -> tuple[str, ...]:
        session = _Session(self._client, image, credential)
        manifest = await session.get(f"manifests/{image.version}", ACCEPT)
        self._answered.add(image.host)
        try:
            described = describe(manifest)
            if not described.config:
                return described.architectures
            return config_architecture(await session.get(f"blobs/{described.config}", "*/*"))
        except ValueError as error:
            raise _FailedError("failed", f"{image.host}: {error}") from error


class _Session:
    """Requests for one image with one login."""

    def __init__(self, client: httpx2.AsyncClient, image: ImageReference, credential: Credential | None) -> None:
        self._client = client
        self._image = image
        self._credential = credential
        self._authorization = ""

    async def get(self, what: str, accept: str) -> bytes:
        url = f"{self._image.api}/{self._image.repository}/{what}"
        answer = await self._send(url, accept)
        if answer.status_code == 401:
            await self._log_in(answer)
            answer = await self._send(url, accept)
        if answer.is_success:
            return answer.content
        raise _of_status(self._image, answer.status_code)

    async def _send(self, url: str, accept: str) -> httpx2.Response:
        headers = {"Accept": accept} | ({"Authorization": self._authorization} if self._authorization else {})
        return await self._client.get(url, headers=headers)

    async def _log_in(self, answer: httpx2.Response) -> None:
        scope = f"repository:{self._image.repository}:pull"
        header = ", ".join(answer.headers.get_list("WWW-Authenticate"))
        try:
            self._authorization = await authorization(self._client, header, scope, self._credential, local=self._image.is_local)
        except AuthError as error:
            failed = _of_status(self._image, error.status or 401)
            raise _FailedError(failed.answer.outcome, f"{self._image.host}: {error}") from error


def _of_status(image: ImageReference, status: int) -> _FailedError:
    outcomes: dict[int, tuple[Outcome, str]] = {
        401: ("denied", "it asks for a login"),
        403: ("denied", "it does not let this login read the image"),
        404: ("missing", f"it has no {image.repository} of {image.version}"),
        429: ("limited", "it answers no more for now: too many requests"),
    }
    outcome, detail = outcomes.get(status, ("failed", f"it answers {status}"))
    return _FailedError(outcome, f"{image.host}: {detail}")


def _words(host: str, error: Exception) -> str:
    """The same words for the same failure, whatever a library calls it: they are kept in plans."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{host}: its certificate is not trusted here"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
        return f"{host}: it cannot be reached from here"
    if isinstance(error, httpx2.TimeoutException):
        return f"{host}: it does not answer in time"
    return f"{host}: it breaks off"
