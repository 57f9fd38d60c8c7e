"""What istioctl installed, as a snapshot has it."""

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.models.identity import Manifest, ObjectRef
from resail.models.istioctl_marks import MANAGER, mark_of
from resail.models.snapshot import MeshSnapshot
from resail.snapshot import capture
from resail.snapshot.owned_fields import fields_of
from resail.snapshot.stand_in import stand_in
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.fields import leaves
from resail.twin.loading import load
from resail.twin.loop import run
from resail.twin.ownership import applied, written
from tests.acceptance.small_istioctl import make_mesh_by_istioctl
from tests.acceptance.small_mesh import FROM
from tests.snapshot.object_reader import ObjectReader
from tests.snapshot.test_stand_in import told

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
ISTIOD = ObjectRef("apps/v1", "Deployment", "istio-system", "istiod-default")


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mesh") / "twin.db"
    make_mesh_by_istioctl(path)
    return path


@pytest.fixture(scope="module")
def snapshot(twin: Path) -> MeshSnapshot:
    async def look() -> MeshSnapshot:
        async with open_twin(twin) as cluster:
            return await capture(cluster)

    return run(look())


def objects_of(snapshot: MeshSnapshot) -> dict[ObjectRef, Manifest]:
    return {ObjectRef.of(manifest): manifest for one in snapshot.istioctl_components for manifest in one.objects}


def test_components_by_their_marks(snapshot: MeshSnapshot) -> None:
    found = [(one.component, one.revision, one.version) for one in snapshot.istioctl_components]
    assert found == [(component, "default", FROM) for component in ("Base", "Cni", "IngressGateways", "Pilot")]
    names = {ref.name for ref in objects_of(snapshot)}
    assert {"istiod-default", "istio-cni-node", "front-gateway", "istio-reader-service-account"} <= names
    # These move by themselves.
    assert not names & {"istio-revision-tag-default", "istiod-default-validator", "istio-revision-tag-prod"}


def test_objects_are_what_was_applied_and_no_more(snapshot: MeshSnapshot) -> None:
    istiod = objects_of(snapshot)[ISTIOD]
    assert set(istiod) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(istiod["metadata"]) == {"name", "namespace", "labels"}
    (container,) = istiod["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "discovery", "image": f"docker.io/istio/pilot:{FROM}"}
    assert mark_of(istiod) == ("Pilot", "default", FROM)


def test_the_default_tag_has_its_validator(snapshot: MeshSnapshot) -> None:
    validators = {tag.tag: tag.validator and tag.validator["metadata"]["name"] for tag in snapshot.tags}
    assert validators == {"default": "istiod-default-validator", "prod": None}


def test_capture_tells_what_was_stood_in_for(snapshot: MeshSnapshot) -> None:
    objects = []
    for one in stand_in(snapshot, SINCE):
        owned = applied(None, one.applied, one.applied_by, "", force=True).manifest if one.applied else None
        objects.append(written(owned, one.manifest, one.manager or "others", "") if owned else one.manifest)
    assert told(asyncio.run(capture(ObjectReader(objects, snapshot.cluster.kubernetes_version)))) == told(snapshot)


def test_a_twin_that_is_filled_with_it_stays_as_it_is(snapshot: MeshSnapshot) -> None:
    async def look() -> MeshSnapshot:
        async with open_twin() as cluster:
            load(cluster.server, stand_in(snapshot, SINCE))
            await cluster.clock.sleep(30)
            return await capture(cluster)

    assert told(run(look()).planned_from()) == told(snapshot.planned_from())


def test_what_somebody_else_took_over_is_no_longer_its_own(twin: Path, tmp_path: Path) -> None:
    async def look() -> MeshSnapshot:
        async with open_twin(Path(shutil.copy(twin, tmp_path / "twin.db"))) as cluster:
            await _take_image(cluster)
            return await capture(cluster)

    (container,) = objects_of(run(look()))[ISTIOD]["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "discovery"}


async def _take_image(cluster: TwinCluster) -> None:
    template = {"spec": {"containers": [{"name": "discovery", "image": "example.org/pilot:mine"}]}}
    mine = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": ISTIOD.name, "namespace": ISTIOD.namespace}}
    await cluster.apply({**mine, "spec": {"template": template}}, manager="kubectl", force=True)


words = st.text("abc", min_size=1, max_size=2)
values = st.recursive(words | st.integers(), lambda inner: st.dictionaries(words, inner, min_size=1, max_size=2), max_leaves=5)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    containers = [
        {"name": name, "image": draw(words), "env": [{"name": key, "value": draw(words)} for key in draw(st.sets(words))] or None}
        for name in sorted(draw(st.sets(words, max_size=2)))
    ]
    listed = [{key: value for key, value in one.items() if value} for one in containers]
    spec: dict[str, Any] = {"free": draw(values), **({"containers": listed} if listed else {})}
    labels = draw(st.dictionaries(words, words, min_size=1))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": "n", "labels": labels}, "spec": spec}


@given(manifests(), manifests())
def test_of_what_two_applied_each_gets_its_own_back(first: Manifest, second: Manifest) -> None:
    """As the contract tests show the twin's owners to be the API server's."""
    alone = applied(None, first, MANAGER, "", force=True).manifest
    assert fields_of(alone, MANAGER) == first
    both = applied(alone, second, "kubectl", "", force=True).manifest
    # Items stay in the order of whoever came first.
    assert leaves(fields_of(both, "kubectl")) == leaves(second)


def test_an_object_without_owners_is_taken_whole() -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "1"}}
    assert fields_of(manifest, MANAGER) == manifest
