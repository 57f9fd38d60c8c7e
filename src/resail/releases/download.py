"""Files from the web: streamed to disk, with retries where they can help."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import stamina

from resail import __version__
from resail.errors import ArtifactError
from resail.releases.interface import Progress

__all__ = ["Downloader"]

_ATTEMPTS = 4
_FIRST_WAIT = 0.5  # seconds; doubled each time
_LONGEST_WAIT = 5.0
_CONNECT = 5.0
_SILENCE = 20.0
_LARGEST = 1024 * 1024 * 1024  # bytes
_REPORTS = 5  # lines of progress, about, for one file
_MEGABYTE = 1_000_000

_TEMPORARY = frozenset({429, 500, 502, 503, 504})


class _AgainError(Exception):
    """Ask once more; ``error`` is what to raise when that was the last time."""

    def __init__(self, error: ArtifactError) -> None:
        super().__init__(str(error))
        self.error = error


class Downloader:
    """Asks a host again that broke off or failed; one that has never answered is not there, and is asked once."""

    def __init__(self, connect_timeout: float = _CONNECT, silence_timeout: float = _SILENCE) -> None:
        """``silence_timeout``: seconds without a byte after which a connection counts as broken."""
        self._timeout = httpx2.Timeout(silence_timeout, connect=connect_timeout)
        self._has_answered = False

    @contextmanager
    def open(self) -> Iterator["Downloader"]:
        """Connections live as long as this; the proxies of the environment are used."""
        # What is downloaded is checked by its digest: it must come as it lies there.
        headers = {"User-Agent": f"resail/{__version__}", "Accept-Encoding": "identity"}
        with httpx2.Client(timeout=self._timeout, headers=headers, follow_redirects=True) as self._client:
            yield self

    def save(self, url: str, path: Path, progress: Progress) -> str:
        """Write what ``url`` has to the file ``path``, and return its SHA-256 as hex digits.

        Raises:
            ArtifactError: nothing is there, the host is not to be reached, fails or breaks off, however often it is asked.
        """
        caller = stamina.RetryingCaller(
            attempts=_ATTEMPTS, timeout=None, wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT, wait_jitter=_FIRST_WAIT
        ).on(_AgainError)
        try:
            return caller(self._attempt, url, path, progress)
        except _AgainError as given_up:
            raise given_up.error from given_up.__cause__

    def _attempt(self, url: str, path: Path, progress: Progress) -> str:
        try:
            with self._client.stream("GET", url) as answer:
                self._has_answered = True
                _refuse_failure(answer, url)
                return _write(answer, path, progress, url)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            mapped = _error_of(error, url)
            if self._has_answered and isinstance(error, httpx2.TransportError):
                raise _AgainError(mapped) from error
            raise mapped from error


def _refuse_failure(answer: httpx2.Response, url: str) -> None:
    if answer.is_success:
        return
    said = f"{answer.status_code} {answer.reason_phrase}".strip()
    if answer.status_code in _TEMPORARY:
        raise _AgainError(ArtifactError(f"the server failed: {said}", on=url, next_step="try again later"))
    if answer.status_code in (404, 410):
        raise ArtifactError(f"there is no such file ({said})", on=url, next_step="see which releases there are")
    raise ArtifactError(f"the server refuses: {said}", on=url, next_step="see the address, and the proxy in between")


def _write(answer: httpx2.Response, path: Path, progress: Progress, url: str) -> str:
    total = int(answer.headers.get("Content-Length") or 0)
    step = max(total // _REPORTS, _MEGABYTE)
    digest, have, told = hashlib.sha256(), 0, 0
    with path.open("wb") as file:
        for chunk in answer.iter_raw():
            file.write(chunk)
            digest.update(chunk)
            have += len(chunk)
            if have > _LARGEST:
                raise ArtifactError(f"it has more than {_LARGEST} bytes", on=url, next_step="see what the address has")
            if have - told >= step:
                told = have
                progress(f"{path.name}: {have / _MEGABYTE:.1f} of {f'{total / _MEGABYTE:.1f}' if total else 'unknown'} MB")
    return digest.hexdigest()


def _error_of(error: httpx2.HTTPError | httpx2.InvalidURL, url: str) -> ArtifactError:
    if isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError | httpx2.ProxyError):
        return ArtifactError(
            f"the host cannot be reached ({_words(error)})", on=url, next_step="see the network, and HTTPS_PROXY and NO_PROXY"
        )
    if isinstance(error, httpx2.TimeoutException):
        return ArtifactError("the host does not go on", on=url, next_step="try again later")
    if isinstance(error, httpx2.TransportError):
        return ArtifactError(f"it was cut short ({_words(error)})", on=url, next_step="try again later")
    return ArtifactError(f"it cannot be asked for ({_words(error)})", on=url, next_step="see the address")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
