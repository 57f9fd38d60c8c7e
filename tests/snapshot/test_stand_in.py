"""The objects that stand for a mesh tell of the same mesh when they are captured."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given

from resail.installers.rendered import RenderedInstaller
from resail.kube import connect
from resail.models.encoding import manifest_digest
from resail.models.identity import ObjectRef
from resail.models.plan import HelmChange
from resail.models.snapshot import MeshSnapshot
from resail.snapshot import capture
from resail.snapshot.stand_in import stand_in
from resail.testbed.bed import Bed
from resail.twin.cluster import open_twin
from resail.twin.loading import load
from resail.twin.loop import run
from tests.snapshot.object_reader import ObjectReader
from tests.snapshot.random_meshes import meshes

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def told(snapshot: MeshSnapshot) -> dict[str, Any]:
    """What a planner reads: the evidence of an owner is words for people, and the schema of a CRD is not in a snapshot.

    Nor is the key of the mesh's authority, so a copy has none, or its own.
    """
    found: dict[str, Any] = msgspec.to_builtins(snapshot)
    found.pop("trust")
    for group in ("control_planes", "tags", "components", "webhooks", "crds"):
        for one in found[group]:
            one["owner"].pop("evidence")
    found["base"].pop("evidence")
    for crd in found["crds"]:
        crd.pop("digest")
    return found


@given(meshes())
def test_capture_tells_what_was_stood_in_for(snapshot: MeshSnapshot) -> None:
    objects = [one.manifest for one in stand_in(snapshot, SINCE)]
    captured = asyncio.run(capture(ObjectReader(objects, snapshot.cluster.kubernetes_version)))
    assert told(captured) == told(snapshot)


@given(meshes())
def test_a_twin_that_is_filled_with_it_stays_as_it_is(snapshot: MeshSnapshot) -> None:
    """Its controllers find everything as they would have made it."""
    captured = run(_on_twin(snapshot))
    assert _without_what_controllers_count(captured) == _without_what_controllers_count(snapshot)


async def _on_twin(snapshot: MeshSnapshot) -> MeshSnapshot:
    async with open_twin() as twin:
        load(twin.server, stand_in(snapshot, SINCE))
        await twin.clock.sleep(30)
        return await capture(twin)


@given(meshes())
def test_a_release_goes_on_from_what_is_stood_in_for(snapshot: MeshSnapshot) -> None:
    """Helm's fields are Helm's, and istiod's own are in its way: the same manifest again changes nothing that runs."""
    run(_again(snapshot))


async def _again(snapshot: MeshSnapshot) -> None:
    (release,) = snapshot.helm_releases
    async with open_twin() as twin:
        load(twin.server, stand_in(snapshot, SINCE))
        await twin.clock.sleep(30)
        installer = RenderedInstaller(twin, twin)
        before = await capture(twin)
        state = await installer.state(release.key)
        assert state is not None
        assert (state.revision, state.manifest_digest) == (release.revision, manifest_digest(release.objects))
        found = await installer.conflicts(release.key, release.objects)
        expected = ["pilot-discovery"] if release.apply_method == "ssa" else []
        assert [conflict.manager for conflict in found] == expected
        change = HelmChange(
            release.name,
            release.namespace,
            release.chart,
            "upgrade",
            release.chart_version,
            release.chart_version,
            release.values,
            "",
            (),
            forced=found,
        )
        await installer.apply(change, release.objects, Path("none"), run="0123456789ab")
        await twin.clock.sleep(30)
        assert (await capture(twin)).workloads == before.workloads
        await installer.rollback(release.key, release.revision, run="0123456789ab")
        after = await installer.state(release.key)
        assert after is not None
        assert (after.revision, after.status) == (release.revision + 2, "deployed")


@pytest.mark.bed
def test_the_demo_mesh_on_a_twin(mesh_bed: Bed) -> None:
    """A mesh of real charts, real webhooks and real injection."""

    async def real() -> MeshSnapshot:
        async with connect(mesh_bed.kubeconfig) as cluster:
            return await capture(cluster)

    snapshot = asyncio.run(real())
    assert all(one.ready_seconds < 120 for one in snapshot.workloads)
    assert sum(one.sidecar_requests.cpu_millis for one in snapshot.workloads) > 0
    found, wanted = (told(one.planned_from()) for one in (run(_on_twin(snapshot)), snapshot))
    assert {part: found[part] for part in found if found[part] != wanted[part]} == {
        part: wanted[part] for part in found if found[part] != wanted[part]
    }


def _without_what_controllers_count(snapshot: MeshSnapshot) -> dict[str, Any]:
    """The snapshots at random have any budget's counts, and any webhook with or without istiod's patches."""
    found = told(snapshot.planned_from())
    for budget in found["budgets"]:
        for count in ("current_healthy", "desired_healthy", "disruptions_allowed"):
            del budget[count]
    for webhook in found["webhooks"]:
        del webhook["has_ca_bundle"], webhook["failure_policies"]
    return found


@given(meshes())
def test_each_object_comes_after_its_owners(snapshot: MeshSnapshot) -> None:
    seen: set[tuple[str, str, str]] = set()
    for one in stand_in(snapshot, SINCE):
        ref = ObjectRef.of(one.manifest)
        assert (ref.kind, ref.namespace, ref.name) not in seen
        for owner in one.manifest["metadata"].get("ownerReferences") or ():
            assert (owner["kind"], ref.namespace, owner["name"]) in seen
        seen.add((ref.kind, ref.namespace, ref.name))


@given(meshes())
def test_no_value_of_a_secret_is_made_up(snapshot: MeshSnapshot) -> None:
    secrets = [one.manifest for one in stand_in(snapshot, SINCE) if one.manifest["kind"] == "Secret"]
    assert {value for secret in secrets if secret.get("type") is None for value in secret["data"].values()} == {""}
