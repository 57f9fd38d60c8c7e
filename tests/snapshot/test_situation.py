"""What doctor reads beside the mesh, and what it says of what it may not read."""

import asyncio
from typing import Any

import pytest

from resail.checks.diagnosis.examination import examine
from resail.checks.diagnosis.situation import Situation
from resail.errors import ForbiddenError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.snapshot.situation import gather_situation
from tests.checks.diagnosis.breakages import BREAKAGES
from tests.checks.diagnosis.mesh import NEW, NOW, OLD, LoggingReader, Mesh, canary
from tests.snapshot.object_reader import ObjectReader


class ForbiddingReader(LoggingReader):
    """Does not let some things be read."""

    def __init__(self, mesh: Mesh, *, lists: str = "", gets: str = "", logs: bool = False) -> None:
        super().__init__(mesh)
        self._refused = (lists, gets, logs)

    async def get(self, ref: ObjectRef) -> Manifest:
        if ref.kind == self._refused[1]:
            raise ForbiddenError(f"{ref.kind} may not be read", on=str(ref), status=403)
        return await super().get(ref)

    async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
        if kind.kind == self._refused[0]:
            raise ForbiddenError(f"{kind.kind} may not be listed", on=kind.kind, status=403)
        return await super().list_objects(kind, namespace=namespace, labels=labels, fields=fields)

    async def pod_log(self, pod: ObjectRef, container: str, *, lines: int, previous: bool = False) -> str:
        if self._refused[2]:
            raise ForbiddenError("logs may not be read", on=str(pod), status=403)
        return await super().pod_log(pod, container, lines=lines, previous=previous)


def gathered(reader: Any) -> Situation:
    found: list[Situation] = []

    async def gather() -> None:
        found.append(await gather_situation(reader, "istio-system", NOW, lambda _: None))

    asyncio.run(gather())
    return found[0]


def broken() -> Mesh:
    mesh = canary()
    BREAKAGES["istiod_crash_loops"](mesh)
    return mesh


def test_pods_of_istiod_are_read_whole_and_of_the_rest_those_that_are_not_ready() -> None:
    situation = gathered(broken().reader())

    names = sorted(pod["metadata"]["name"].rpartition("-")[0].rpartition("-")[0] for pod in situation.pods)
    assert names == ["catalog", f"istiod-{OLD}", f"istiod-{NEW}"]
    assert all(pod["status"]["containerStatuses"] for pod in situation.pods)


def test_the_log_is_that_of_the_container_before() -> None:
    [log] = [one for one in gathered(broken().reader()).logs if one.container == "discovery"]

    assert log.previous
    assert log.text.endswith("Error: unknown flag: --no-such-flag")


def test_caches_of_certificates_are_of_both_kinds_of_webhooks_and_of_the_roots() -> None:
    bundles = gathered(canary().reader()).bundles

    kinds = {ref.kind for one in bundles for ref in one.objects}
    assert kinds == {"ConfigMap", "MutatingWebhookConfiguration", "Secret", "ValidatingWebhookConfiguration"}
    assert len({one.fingerprints for one in bundles}) == 1


@pytest.mark.parametrize(
    ("refused", "unexamined"),
    [
        ({"lists": "Event"}, {"Event"}),
        ({"gets": "Pod"}, {"Pod"}),
        ({"lists": "EndpointSlice"}, {"EndpointSlice.discovery.k8s.io", "webhook-without-endpoints"}),
    ],
)
def test_what_may_not_be_read_is_not_examined(refused: dict[str, Any], unexamined: set[str]) -> None:
    found = examine(gathered(ForbiddingReader(canary(), **refused)))

    assert found.verdict == "healthy"
    assert {one.id for one in found.not_examined} == unexamined


def test_a_log_that_may_not_be_read_is_told_in_its_place() -> None:
    situation = gathered(ForbiddingReader(broken(), logs=True))

    assert {one.problem for one in situation.logs} == {"logs may not be read"}


def test_a_cluster_without_logs_says_so() -> None:
    situation = gathered(ObjectReader(broken().objects, "1.31.0"))

    assert {one.problem for one in situation.logs} == {"this cluster keeps no logs"}
