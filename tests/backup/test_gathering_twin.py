"""The demo mesh on a twin: all of it is kept, and it is the same each time."""

import asyncio
from datetime import UTC, datetime

import pytest

from resail.backup.clean import cleaned
from resail.backup.gathering import gather
from resail.models.backup import Backup
from resail.models.encoding import canonical_json
from resail.models.identity import Manifest, ObjectRef
from resail.operations.cluster_choice import twin_connection
from resail.testbed.mesh.install import install_mesh, render_mesh
from resail.twin import loop
from resail.twin.cluster import TwinCluster, open_twin

OF_THE_MESH = ("istio-system", "ingress")
_MADE_AGAIN = {"Pod", "ReplicaSet", "ControllerRevision", "Endpoints", "EndpointSlice", "Lease", "Event"}


class Seen:
    """The mesh, and two backups of it."""

    def __init__(self, objects: list[Manifest], first: Backup, second: Backup) -> None:
        self.objects, self.first, self.second = objects, first, second


@pytest.fixture(scope="module")
def seen() -> Seen:
    mesh = asyncio.run(render_mesh(print))

    async def look() -> Seen:
        async with open_twin(start=datetime(2026, 11, 1, tzinfo=UTC)) as twin:
            connection = twin_connection(twin, twin.clock)
            async with connection.open_installer() as installer:
                await install_mesh(twin, installer, mesh, print)
            first = await gathered(twin)
            await twin.clock.sleep(60)
            stored = [twin.store.get(key) for key in twin.store.everything()]
            return Seen([one for one in stored if one is not None], first, await gathered(twin))

    return loop.run(look())


async def gathered(twin: TwinCluster) -> Backup:
    return await gather(twin, "istio-system", secrets=True, progress=print)


def test_the_same_mesh_gives_the_same_backup(seen: Seen) -> None:
    assert seen.first == seen.second
    assert canonical_json(seen.first) == canonical_json(seen.second)


def test_the_meshs_own_namespaces_are_kept_whole(seen: Seen) -> None:
    kept = {ObjectRef.of(one): one for one in seen.first.objects}
    wanted = {
        ref: cleaned(one)
        for one in seen.objects
        if (ref := ObjectRef.of(one)).namespace in OF_THE_MESH
        and ref.kind not in _MADE_AGAIN
        and ref.name not in ("kube-root-ca.crt", "istio-ca-root-cert", "default")
    }
    assert {ref: kept.get(ref) for ref in wanted} == wanted


def test_what_is_beside_it_is_not(seen: Seen) -> None:
    shops = {ref.kind for one in seen.first.objects if (ref := ObjectRef.of(one)).namespace not in ("", *OF_THE_MESH)}
    assert shops == {"DestinationRule", "PeerAuthentication", "VirtualService"}
    assert {mark.ref.name: {**mark.labels, **mark.template_labels} for mark in seen.first.marks} == {
        "checkout": {"istio.io/rev": "prod-stable"},
        "metrics": {"sidecar.istio.io/inject": "false"},
        "platform": {"istio.io/rev": "prod-stable"},
        "storefront": {"istio-injection": "enabled"},
        "warehouse": {"istio.io/rev": "1-26-0"},
    }
