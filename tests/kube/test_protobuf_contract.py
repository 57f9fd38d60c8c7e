"""What protobuf tells is what JSON tells, on a real API server, of objects that set every field that is read."""

from typing import Any

import pytest

from resail.kube import connect
from resail.kube.pages import Page
from resail.kube.protobuf.envelope import Envelope
from resail.kube.protobuf.messages import message_of
from resail.models.identity import KindRef, ObjectRef
from resail.snapshot.shapes import OwnedShape
from resail.testbed.bed import Bed
from resail.testbed.processes import Processes
from tests.conftest import EMPTY
from tests.kube.full_objects import OBJECTS, STATUSES
from tests.kube.protobuf_lists import READ, declared_fields, set_fields

pytestmark = pytest.mark.bed

JSON = "application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
OFF_BY_DEFAULT = {"resail.RollingUpdateStatefulSetStrategy.maxUnavailable"}
"""Behind a feature gate of the API server."""


@pytest.fixture(scope="module")
def bed(session_bed: Bed) -> Bed:
    """With the objects, and without the controllers, which would change them."""
    session_bed.reset(EMPTY)
    Processes(session_bed.layout.processes).stop("kube-controller-manager", "kube-scheduler", "kwok")
    for kind, objects in OBJECTS.items():
        for manifest in objects:
            done = session_bed.api("POST", path(kind), json={"apiVersion": kind.api_version, "kind": kind.kind, **manifest})
            assert done.is_success, done.text
    for kind, status in STATUSES.items():
        headers = {"Content-Type": "application/merge-patch+json"}
        done = session_bed.api("PATCH", f"{path(kind)}/full/status", headers=headers, json={"status": status})
        assert done.is_success, done.text
    # It has a finalizer.
    assert session_bed.api("DELETE", f"{path(KindRef('v1', 'Pod'))}/full").is_success
    return session_bed


def path(kind: KindRef) -> str:
    root = "/apis" if "/" in kind.api_version else "/api"
    namespaced = "" if kind.kind in ("Node", "Namespace") else "/namespaces/default"
    return f"{root}/{kind.api_version}{namespaced}/{kind.kind.lower()}s"


def asked(bed: Bed, kind: KindRef, accept: str) -> bytes:
    answer = bed.api("GET", path(kind), headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(accept)
    return answer.content


def page(kind: KindRef, body: bytes) -> Page[Any]:
    read: Page[Any] = Page(kind, READ[kind])
    read.take(body)
    read.close()
    return read


@pytest.mark.parametrize("kind", sorted(READ), ids=lambda kind: kind.kind)
def test_the_same_shapes(bed: Bed, kind: KindRef) -> None:
    protobuf, json = page(kind, asked(bed, kind, PROTOBUF)), page(kind, asked(bed, kind, JSON))
    assert len(protobuf.items) >= 2
    assert protobuf.items == json.items
    assert protobuf.version == json.version


def test_the_objects_set_all_that_is_declared(bed: Bed) -> None:
    """So no number of a field is wrong."""
    declared: set[str] = set()
    found: set[str] = set()
    for kind in READ:
        message = message_of(kind)
        assert message is not None
        declared |= declared_fields(message)
        for item in Envelope().items(asked(bed, kind, PROTOBUF)):
            found |= set(set_fields(message.FromString(item.tobytes())))
    assert declared - found == OFF_BY_DEFAULT


async def test_a_list_at_once_has_what_was_written_just_before(bed: Bed) -> None:
    async with connect(bed.kubeconfig) as cluster:
        for number in range(20):
            name = f"fresh-{number}"
            await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            found = await cluster.list_shapes(KindRef("v1", "Namespace"), OwnedShape)
            assert name in {shape.metadata.name for shape in found}
            assert await cluster.get(ObjectRef("v1", "Namespace", "", name))
