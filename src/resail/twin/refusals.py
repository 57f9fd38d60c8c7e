"""How the twin says no: in the words of the API server, as the errors that ``kube`` makes of them."""

from resail.errors import ApiConflictError, ApiInvalidError, ClusterApiError, FieldConflict, ForbiddenError, NotFoundError
from resail.models.identity import KindRef
from resail.twin.kinds import Kind

__all__ = [
    "conflict",
    "exists",
    "failed_webhook",
    "field_conflicts",
    "forbidden",
    "invalid",
    "missing",
    "resource",
    "unserved",
]


def resource(kind: Kind) -> str:
    """``deployments.apps``"""
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def unserved(kind: KindRef) -> NotFoundError:
    return NotFoundError(
        "the API server does not serve this kind",
        on=f"{kind.api_version} {kind.kind}",
        next_step="see that its CustomResourceDefinition is installed",
        status=404,
    )


def missing(kind: Kind, name: str) -> NotFoundError:
    what = f'{resource(kind)} "{name}" not found (HTTP 404)'
    return NotFoundError(what, next_step="see whether someone removed it", status=404)


def exists(kind: Kind, name: str) -> ApiConflictError:
    return ApiConflictError(f'{resource(kind)} "{name}" already exists (HTTP 409)', next_step="see who else changes it")


def conflict(kind: Kind, name: str) -> ApiConflictError:
    what = (
        f'Operation cannot be fulfilled on {resource(kind)} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again (HTTP 409)"
    )
    return ApiConflictError(what, next_step="see who else changes it")


def field_conflicts(conflicts: tuple[FieldConflict, ...]) -> ApiConflictError:
    told = "; ".join(f'conflict with "{one.manager}": {one.field}' for one in conflicts)
    what = f"Apply failed with {len(conflicts)} conflicts: {told} (HTTP 409)"
    return ApiConflictError(what, next_step="see who else changes it", conflicts=conflicts)


def invalid(kind: Kind, name: str, why: str, status: int = 422) -> ApiInvalidError:
    subject = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    return ApiInvalidError(
        f'{subject} "{name}" is invalid: {why} (HTTP {status})',
        next_step="the object does not fit this cluster's API or an admission webhook; see the message",
        status=status,
    )


def forbidden(kind: Kind, name: str, why: str) -> ForbiddenError:
    what = f'{resource(kind)} "{name}" is forbidden: {why} (HTTP 403)'
    return ForbiddenError(what, next_step="ask for the right that the message names", status=403)


def failed_webhook(name: str, why: str) -> ClusterApiError:
    what = f'Internal error occurred: failed calling webhook "{name}": failed to call webhook: {why} (HTTP 500)'
    return ClusterApiError(what, next_step="see the API server's health", status=500)
