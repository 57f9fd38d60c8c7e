"""Reading: objects, lists, kinds."""

import asyncio
import re

import msgspec
import pytest

from resail.errors import NotFoundError
from resail.models.identity import KindRef, ObjectRef
from tests.contract.site import CONFIG_MAP, DEPLOYMENT, POD, Site, config_map

UNKNOWN = KindRef("nothing.example.org/v1", "Nothing")


class Metadata(msgspec.Struct):
    name: str
    labels: dict[str, str] = {}


class Shape(msgspec.Struct):
    metadata: Metadata


async def test_the_version_is_a_plain_one(site: Site) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", await site.cluster.server_version())


async def test_the_identity_of_the_cluster_lasts(site: Site) -> None:
    namespace = await site.cluster.get(ObjectRef("v1", "Namespace", "", "kube-system"))
    assert await site.cluster.cluster_id() == namespace["metadata"]["uid"]


async def test_kinds_are_sorted_and_without_subresources(site: Site) -> None:
    kinds = await site.cluster.resource_kinds()
    assert list(kinds) == sorted(kinds)
    assert len({kind.kind for kind in kinds}) == len(kinds)
    by_kind = {kind.kind: kind for kind in kinds}
    assert by_kind[DEPLOYMENT].plural == "deployments"
    assert by_kind[DEPLOYMENT].namespaced
    assert {"get", "list", "watch", "create", "patch", "delete"} <= set(by_kind[DEPLOYMENT].verbs)
    assert not by_kind[KindRef("v1", "Namespace")].namespaced
    assert KindRef("autoscaling/v1", "Scale") not in by_kind


async def test_get(site: Site) -> None:
    created = await site.cluster.create(config_map(site, "a", {"key": "wert ä\u0085"}))
    found = await site.cluster.get(site.ref(CONFIG_MAP, "a"))
    assert found == created
    assert (found["apiVersion"], found["kind"], found["data"]) == ("v1", "ConfigMap", {"key": "wert ä\u0085"})


async def test_get_what_is_not_there(site: Site) -> None:
    with pytest.raises(NotFoundError) as caught:
        await site.cluster.get(site.ref(CONFIG_MAP, "a"))
    assert caught.value.status == 404
    with pytest.raises(NotFoundError):
        await site.cluster.get(ObjectRef("v1", "ConfigMap", "no-such-namespace", "a"))


async def test_a_kind_that_is_not_served(site: Site) -> None:
    with pytest.raises(NotFoundError):
        await site.cluster.get(site.ref(UNKNOWN, "a"))
    with pytest.raises(NotFoundError):
        await site.cluster.list_objects(UNKNOWN)
    with pytest.raises(NotFoundError):
        await site.cluster.list_shapes(UNKNOWN, Shape)
    with pytest.raises(NotFoundError):
        await anext(aiter(site.cluster.watch(UNKNOWN)))
    with pytest.raises(NotFoundError):
        await site.cluster.apply({"apiVersion": UNKNOWN.api_version, "kind": UNKNOWN.kind, "metadata": {"name": "a"}})


async def test_lists_are_of_a_namespace_or_of_all(site: Site) -> None:
    await site.cluster.create(config_map(site, "a", shelf="left"))
    await site.cluster.create(config_map(site, "b", shelf="right"))
    here = await site.cluster.list_objects(CONFIG_MAP, namespace=site.namespace)
    assert {"a", "b"} <= {manifest["metadata"]["name"] for manifest in here}
    assert {manifest["metadata"]["namespace"] for manifest in here} == {site.namespace}
    everywhere = await site.cluster.list_objects(CONFIG_MAP)
    assert {site.namespace, "kube-system"} <= {manifest["metadata"]["namespace"] for manifest in everywhere}
    assert {(manifest["apiVersion"], manifest["kind"]) for manifest in everywhere} == {("v1", "ConfigMap")}


async def test_a_listed_object_is_the_one_that_get_gives(site: Site) -> None:
    await site.cluster.create(config_map(site, "a", {"key": "1"}, shelf="left"))
    (listed,) = await site.cluster.list_objects(CONFIG_MAP, namespace=site.namespace, labels="shelf")
    assert listed == await site.cluster.get(site.ref(CONFIG_MAP, "a"))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ("shelf=left", ["a"]),
        ("shelf!=left", ["b"]),
        ("shelf in (left,right)", ["a", "b"]),
        ("shelf,!row", ["b"]),
        ("shelf=left,row=1", ["a"]),
        ("shelf=above", []),
    ],
)
async def test_lists_by_label(site: Site, labels: str, names: list[str]) -> None:
    await site.cluster.create(config_map(site, "a", shelf="left", row="1"))
    await site.cluster.create(config_map(site, "b", shelf="right"))
    found = await site.names(CONFIG_MAP, labels)
    assert [name for name in found if name != "kube-root-ca.crt"] == names


@pytest.mark.parametrize(
    ("fields", "names"),
    [("metadata.name=a", ["a"]), ("metadata.name=b,metadata.namespace=elsewhere", []), ("metadata.name=none", [])],
)
async def test_lists_by_field(site: Site, fields: str, names: list[str]) -> None:
    await site.cluster.create(config_map(site, "a", shelf="left"))
    await site.cluster.create(config_map(site, "b", shelf="left"))
    found = await site.cluster.list_objects(CONFIG_MAP, labels="shelf", fields=fields)
    assert [one["metadata"]["name"] for one in found if one["metadata"]["namespace"] == site.namespace] == names
    assert await site.cluster.list_shapes(CONFIG_MAP, Shape, namespace=site.namespace, fields=fields) == [
        Shape(Metadata(name, {"shelf": "left"})) for name in names
    ]


async def test_shapes_hold_what_they_declare(site: Site) -> None:
    await site.cluster.create(config_map(site, "a", {"key": "1"}, shelf="left"))
    found = await site.cluster.list_shapes(CONFIG_MAP, Shape, namespace=site.namespace, labels="shelf=left")
    assert found == [Shape(Metadata("a", {"shelf": "left"}))]


async def test_a_list_of_many_is_whole(site: Site) -> None:
    """More than one page of any page size in use."""
    names = [f"n{number:04}" for number in range(1020)]
    gate = asyncio.Semaphore(16)

    async def create(name: str) -> None:
        async with gate:
            await site.cluster.create(config_map(site, name, many="yes"))

    await asyncio.gather(*(create(name) for name in names))
    assert await site.names(CONFIG_MAP, "many=yes") == names


async def test_nothing_to_list(site: Site) -> None:
    assert await site.cluster.list_objects(POD, namespace=site.namespace) == []
    assert await site.cluster.list_objects(POD, namespace="no-such-namespace") == []


async def test_cluster_scoped_objects(site: Site) -> None:
    namespaces = await site.cluster.list_objects(KindRef("v1", "Namespace"))
    assert {site.namespace, "kube-system"} <= {manifest["metadata"]["name"] for manifest in namespaces}
    one = await site.cluster.get(ObjectRef("v1", "Namespace", "", site.namespace))
    # The API server writes the name into a label by itself; namespace selectors of webhooks rely on it.
    assert one["metadata"]["labels"]["kubernetes.io/metadata.name"] == site.namespace


async def test_one_object_in_each_version_of_its_group(site: Site) -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a", "namespace": site.namespace},
        "spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}},
    }
    await site.cluster.create(scaler)
    for version in ("autoscaling/v1", "autoscaling/v2"):
        found = await site.cluster.get(site.ref(KindRef(version, "HorizontalPodAutoscaler"), "a"))
        assert (found["apiVersion"], found["spec"]["maxReplicas"]) == (version, 2)
