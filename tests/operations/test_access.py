"""Asking the API what one may do: few questions, exact answers, and no guesses where it does not tell."""

import json
from collections.abc import Set

import pytest
from tests.kube.peer import Answer, Peer, Request, connected, discovery, status

from resail.errors import BlockedError
from resail.models.access import EVERYTHING, Permission
from resail.operations.access import refuse_missing_rights, review

PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

PODS = [Permission("", "pods", "patch", namespace, name) for namespace in ("shop", "till") for name in "abc"]


def grant(peer: Peer, granted: Set[Permission]) -> None:
    """Answer as Kubernetes' own authorizer does, which ``tests/acceptance/test_rights.py`` asks."""

    def script(request: Request) -> Answer | None:
        if request.path == "/apis":
            kinds = [("networking.istio.io", "Gateway", "gateways", True), ("networking.istio.io", "Sidecar", "sidecars", True)]
            return Answer(body=discovery(*kinds))
        if request.path != PATH:
            return None
        asked = json.loads(request.body)["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, (asked["resource"], asked["subresource"])))
        wanted = Permission(asked["group"], resource, asked["verb"], asked["namespace"], asked["name"])
        return Answer(201, {"status": {"allowed": wanted in granted or not granted.isdisjoint(wanted.wider())}})

    peer.script = script


async def test_who_may_do_everything_is_asked_once() -> None:
    async with connected() as (peer, cluster):
        grant(peer, {EVERYTHING})
        assert (await review(cluster, PODS)).missing == ()
        assert len(peer.seen("POST", PATH)) == 1


async def test_a_wide_yes_answers_for_all_of_it() -> None:
    async with connected() as (peer, cluster):
        grant(peer, {Permission("", "pods", "patch", "shop"), *PODS[3:5]})
        assert (await review(cluster, PODS)).missing == (PODS[5],)
        # Everything, patch of all, of pods, of pods in either namespace, and each pod in till.
        assert len(peer.seen("POST", PATH)) == 3 + 2 + 3


async def test_every_resource_of_a_group_is_each_that_there_is() -> None:
    wanted = [Permission("networking.istio.io", "*", "list"), Permission("no.such.group", "*", "list")]
    async with connected() as (peer, cluster):
        grant(peer, {Permission("networking.istio.io", "sidecars", "list")})
        assert (await review(cluster, wanted)).missing == (Permission("networking.istio.io", "gateways", "list"),)


async def test_subresources_and_names_are_asked_for() -> None:
    wanted = Permission("", "pods/eviction", "create", "shop", "a")
    async with connected() as (peer, cluster):
        grant(peer, {wanted})
        assert (await review(cluster, [wanted])).missing == ()
        (request,) = peer.seen("POST", PATH)
        assert json.loads(request.body)["spec"]["resourceAttributes"] == {
            "group": "",
            "resource": "pods",
            "subresource": "eviction",
            "verb": "create",
            "namespace": "shop",
            "name": "a",
        }


@pytest.mark.parametrize(
    "answer",
    [
        status(403, "reviews are not for you"),
        status(404, "reviews are not for you"),
        Answer(201, {"status": {"allowed": False, "evaluationError": "reviews are not for you"}}),
        Answer(201, b"reviews are not for you"),
    ],
)
async def test_an_api_that_does_not_tell_is_not_taken_for_a_no(answer: Answer) -> None:
    async with connected() as (peer, cluster):
        peer.play("POST", PATH, answer)
        found = await review(cluster, PODS)
        assert found.missing == ()
        assert found.untold
        assert len(peer.seen("POST", PATH)) < len(PODS)
        assert await refuse_missing_rights(cluster, PODS, "r-1") == found.untold


async def test_what_is_missing_is_listed_and_refused() -> None:
    async with connected() as (peer, cluster):
        grant(peer, set(PODS[:2]))
        with pytest.raises(BlockedError) as caught:
            await refuse_missing_rights(cluster, PODS, "r-1")
    assert caught.value.what == "rights are missing:\n  patch pods in till: a, b, c\n  patch pods in shop: c\n"
    assert "resail rbac" in caught.value.next_step
