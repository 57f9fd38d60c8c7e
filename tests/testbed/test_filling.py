"""What a bed is filled with comes to be the mesh that it stands for. Here a twin is filled, which does as the real one does."""

from datetime import UTC, datetime

import msgspec

from resail.installers.helm_storage import decode_release
from resail.models.identity import KindRef, ObjectRef
from resail.models.snapshot import ClusterFacts, MeshSnapshot, Node, Workload
from resail.snapshot import capture
from resail.snapshot.stand_in import stand_in
from resail.testbed.filling import fill
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.plan.meshes import budget, deployment, mesh

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
NODE = Node("node", "1.31.0", "amd64", 8000, 32 << 30, True)


def filled(snapshot: MeshSnapshot, ready_seconds: dict[ObjectRef, float]) -> tuple[MeshSnapshot, list[str]]:
    async def work() -> tuple[MeshSnapshot, list[str]]:
        async with open_twin() as twin:
            await fill(twin, stand_in(snapshot, SINCE), ready_seconds)
            secrets = await twin.list_objects(KindRef("v1", "Secret"), labels="owner=helm")
            return await capture(twin), [decode_release(secret).name for secret in secrets]

    return run(work())


def plain(workload: Workload) -> Workload:
    """Without what pods get anew."""
    return msgspec.structs.replace(workload, pods=(), ready_seconds=0.0)


def test_the_mesh_comes_to_be_with_its_readiness() -> None:
    slow, paused = deployment("slow", version=""), deployment("paused", version="", paused=True)
    ordered = deployment("ordered", version="", kind="StatefulSet", surge=0, unavailable=1)
    snapshot = mesh(
        slow,
        paused,
        ordered,
        budgets=(msgspec.structs.replace(budget("slow", slow, desired=1), selector={"matchLabels": {"app": "slow"}}),),
        namespaces={"shop": {"istio.io/rev": "none"}},
        cluster=ClusterFacts("another", "1.31.0", (NODE,)),
        helm_releases=tuple(msgspec.structs.replace(one, revision=3) for one in mesh().helm_releases),
        istio_objects=(ObjectRef("networking.istio.io/v1", "Gateway", "shop", "unknown"),),
    )

    found, releases = filled(snapshot, {slow.ref: 7.0})

    there = {workload.ref: workload for workload in found.workloads}
    assert {ref: plain(one) for ref, one in there.items()} == {one.ref: plain(one) for one in snapshot.workloads}
    assert (round(there[slow.ref].ready_seconds), round(there[ordered.ref].ready_seconds)) == (7, 0)
    assert [one.ready for one in found.workloads] == [2, 2, 2]
    assert found.budgets == snapshot.budgets
    assert [one for one in found.namespaces if one.labels] == list(snapshot.namespaces)
    assert [(one.name, one.revision) for one in found.helm_releases] == [("istiod", 3)]
    assert releases == ["istiod"]
    assert found.istio_objects == (), "nothing but the names is known of them"
    assert found.cluster.id != "another", "it is the API server's to give"
