"""Every answer and failure of the API → an error of ours; the one place where they are mapped."""

import re
import ssl
from typing import Any

import httpx2
import msgspec
from lightkube.core.exceptions import ConfigError

from resail.errors import (
    ApiConflictError,
    ApiFailingError,
    ApiInvalidError,
    ClusterApiError,
    ClusterUnreachableError,
    EvictionBlockedError,
    FieldConflict,
    ForbiddenError,
    NotFoundError,
    ResailError,
    WatchExpiredError,
)

__all__ = ["error_of_failure", "error_of_status", "status_of", "unreadable"]

_UNTYPED = "failed to create typed patch object"
"""What server-side apply says with HTTP 500 of an object that does not fit its kind's schema."""

_MANAGER = re.compile(r'conflict with "([^"]*)"')


class _Cause(msgspec.Struct):
    reason: str = ""
    message: str = ""
    field: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] = msgspec.field(default_factory=list)


class Status(msgspec.Struct):
    """The part of ``metav1.Status`` that we use."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


def status_of(code: int, body: bytes) -> Status:
    """The Status in an answer's body; one with the body's beginning as message where it is none."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.DecodeError:
        status = Status(message=body[:300].decode(errors="replace").strip())
    status.code = code
    return status


def error_of_status(status: Status, what: str) -> ResailError:
    """The error for an answer that is no success; ``what`` names method and object."""
    causes = status.details.causes if status.details else []
    message = f"{status.message or status.reason or 'no message'} (HTTP {status.code})"
    simple: dict[int, tuple[type[ClusterApiError], str]] = {
        403: (ForbiddenError, "ask for the right that the message names"),
        404: (NotFoundError, "see whether someone removed it"),
        400: (ApiInvalidError, "the object does not fit this cluster's API or an admission webhook; see the message"),
        422: (ApiInvalidError, "the object does not fit this cluster's API or an admission webhook; see the message"),
        410: (WatchExpiredError, "list again"),
    }
    if status.code == 401:
        return ClusterUnreachableError(
            f"the API does not accept the credentials: {message}",
            on=what,
            next_step="log in again, or name another context",
        )
    if status.code in simple or _UNTYPED in status.message:
        kind, next_step = simple.get(status.code, simple[422])
        return kind(message, on=what, next_step=next_step, status=status.code)
    if status.code == 409:
        conflicts = tuple(
            FieldConflict(_manager(cause.message), cause.field) for cause in causes if cause.reason == "FieldManagerConflict"
        )
        return ApiConflictError(message, on=what, next_step="see who else changes it", conflicts=conflicts)
    if status.code == 429 and any(cause.reason == "DisruptionBudget" for cause in causes):
        return EvictionBlockedError(message, on=what, next_step="the budget must allow it first", status=429)
    return ApiFailingError(message, on=what, next_step="see the API server's health", status=status.code)


def unreadable(error: object, what: str) -> ApiFailingError:
    """The error for an answer that is not of the form that the API documents; ``error`` tells where."""
    return ApiFailingError(
        f"the API's answer cannot be read: {error}",
        on=what,
        next_step="see that nothing between here and the API server changes its answers",
    )


def error_of_failure(error: Exception, what: str) -> ResailError:
    """The error for a request that got no answer."""
    if isinstance(error, ResailError):
        return error
    if isinstance(error, ConfigError):
        return ClusterUnreachableError(
            f"the credentials cannot be read: {error}", on=what, next_step="see the user in the kubeconfig, or log in again"
        )
    kind = type(error).__name__
    reason = f"{kind}: {error}" if str(error) else kind
    next_step = "see that the cluster is up and the address in the kubeconfig is right"
    cause: Any = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = f"its certificate is not trusted: {cause.verify_message}"
            next_step = "put the cluster's certificate authority into the kubeconfig"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        reason = f"its address cannot be used: {error}"
    return ClusterUnreachableError(f"the Kubernetes API does not answer: {reason}", on=what, next_step=next_step)


def _manager(message: str) -> str:
    found = _MANAGER.search(message)
    return found.group(1) if found else "unknown"
