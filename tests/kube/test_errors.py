"""Every answer and every failure of the client becomes exactly one error of ours."""

import inspect

import httpx2
import lightkube.core.exceptions
import pytest

from resail.errors import (
    ApiConflictError,
    ApiFailingError,
    ApiInvalidError,
    ClusterApiError,
    ClusterUnreachableError,
    EvictionBlockedError,
    ForbiddenError,
    NotFoundError,
    ResailError,
    WatchExpiredError,
)
from resail.kube import KubeCluster
from resail.kube.errors import error_of_failure
from resail.models.identity import ObjectRef
from tests.kube.peer import Answer, Peer, status

SETTINGS = ObjectRef("v1", "ConfigMap", "shop", "settings")
PATH = "/api/v1/namespaces/shop/configmaps/settings"

ANSWERS: dict[int, type[ResailError]] = {
    302: ApiFailingError,
    400: ApiInvalidError,
    401: ClusterUnreachableError,
    403: ForbiddenError,
    404: NotFoundError,
    405: ApiFailingError,
    409: ApiConflictError,
    410: WatchExpiredError,
    422: ApiInvalidError,
    429: ApiFailingError,
    500: ApiFailingError,
    502: ApiFailingError,
    503: ApiFailingError,
    504: ApiFailingError,
}


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(("code", "expected"), ANSWERS.items())
async def test_each_status(cluster: KubeCluster, peer: Peer, code: int, expected: type[ResailError]) -> None:
    peer.play("GET", PATH, status(code, "the server's own words"))
    with pytest.raises(ResailError) as caught:
        await cluster.get(SETTINGS)
    assert type(caught.value) is expected
    assert "the server's own words" in caught.value.what
    assert caught.value.on == "get shop/ConfigMap/settings"
    assert caught.value.next_step
    if isinstance(caught.value, ClusterApiError):
        assert caught.value.status == code


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>Sign in</html>", b"\xff\xfe", b'{"message": 5}'])
async def test_an_answer_that_is_no_status(cluster: KubeCluster, peer: Peer, body: bytes) -> None:
    peer.play("GET", PATH, Answer(403, body))
    with pytest.raises(ForbiddenError, match="HTTP 403"):
        await cluster.get(SETTINGS)


async def test_the_fields_that_others_own(cluster: KubeCluster, peer: Peer) -> None:
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "helm" using v1', "field": ".data.a"},
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl-edit" with subresource "scale" using v1 at 2026-01-01T00:00:00Z',
            "field": ".spec.replicas",
        },
    ]
    peer.play("PATCH", PATH, status(409, "Apply failed with 2 conflicts", causes))
    with pytest.raises(ApiConflictError) as caught:
        await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"}})
    found = [(conflict.manager, conflict.field) for conflict in caught.value.conflicts]
    assert found == [("helm", ".data.a"), ("kubectl-edit", ".spec.replicas")]


async def test_a_budget_is_told_from_a_rate_limit(cluster: KubeCluster, peer: Peer) -> None:
    pod = "/api/v1/namespaces/shop/pods/cart-0"
    path = f"{pod}/eviction"
    causes = [{"reason": "DisruptionBudget", "message": "The disruption budget cart needs 2 healthy pods and has 2 currently"}]
    refusal = status(429, "Cannot evict pod as it would violate the pod's disruption budget.", causes)
    peer.script = lambda request: {pod: Answer(body={"metadata": {"uid": "a"}}), path: refusal}.get(request.path)
    with pytest.raises(EvictionBlockedError):
        await cluster.evict(ObjectRef("v1", "Pod", "shop", "cart-0"))
    assert len(peer.seen("POST", path)) == 1


def failures() -> list[Exception]:
    """One of each exception that httpx2 or lightkube can raise for a request, found by looking."""
    classes = {
        kind
        for module in (httpx2, lightkube.core.exceptions)
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and issubclass(kind, httpx2.HTTPError | httpx2.InvalidURL | lightkube.core.exceptions.ConfigError)
    }
    # These two are only raised for an answer, by functions that we do not call.
    classes -= {httpx2.HTTPStatusError, lightkube.core.exceptions.ApiError}
    return [kind("it went wrong") for kind in sorted(classes, key=lambda kind: kind.__name__)]


@pytest.mark.parametrize("failure", [*failures(), ConnectionResetError("it went wrong")], ids=lambda error: type(error).__name__)
def test_each_failure(failure: Exception) -> None:
    mapped = error_of_failure(failure, "get a thing")
    assert type(mapped) is ClusterUnreachableError
    assert "it went wrong" in mapped.what
    assert mapped.on == "get a thing"
    assert mapped.next_step


def test_an_error_of_ours_is_not_wrapped_again() -> None:
    ours = ForbiddenError("no", status=403)
    assert error_of_failure(ours, "get a thing") is ours


async def test_the_cause_is_kept(cluster: KubeCluster, peer: Peer) -> None:
    peer.play("POST", "/api/v1/namespaces/shop/configmaps", Answer(fault="reset"))
    with pytest.raises(ClusterUnreachableError) as caught:
        await cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"}})
    assert isinstance(caught.value.__cause__, httpx2.TransportError)
