"""Kinds that come and go while we are connected, as the first and the last step of an upgrade make them."""

import pytest

from resail.errors import ApiInvalidError, NotFoundError
from resail.models.identity import KindRef, Manifest, ObjectRef
from tests.contract.site import Site


def definition(group: str) -> Manifest:
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}, "required": ["size"]}
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"boats.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Boat", "listKind": "BoatList", "plural": "boats", "singular": "boat"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


async def test_a_kind_that_is_defined_is_served_and_then_no_longer(site: Site) -> None:
    group = f"{site.namespace}.example.org"
    boats = KindRef(f"{group}/v1", "Boat")
    boat: Manifest = {
        "apiVersion": boats.api_version,
        "kind": boats.kind,
        "metadata": {"name": "dinghy", "namespace": site.namespace},
        "spec": {"size": 2},
    }

    async def served() -> bool:
        try:
            await site.cluster.list_objects(boats)
        except NotFoundError:
            return False
        return True

    assert not await served()
    await site.cluster.apply(definition(group))
    await site.until(served)
    assert boats in {kind.kind for kind in await site.cluster.resource_kinds()}
    await site.cluster.apply(boat)
    assert (await site.cluster.get(site.ref(boats, "dinghy")))["spec"] == {"size": 2}
    assert await site.names(boats) == ["dinghy"]
    with pytest.raises(ApiInvalidError):
        await site.cluster.apply({**boat, "spec": {"size": 0}})
    with pytest.raises(ApiInvalidError):
        await site.cluster.create({**boat, "metadata": {**boat["metadata"], "name": "raft"}, "spec": {}})
    # Fields that the definition does not know are dropped, and no error.
    assert (await site.cluster.patch(site.ref(boats, "dinghy"), {"spec": {"sail": "red"}}))["spec"] == {"size": 2}

    await site.cluster.delete(ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"boats.{group}"))

    async def gone() -> bool:
        return not await served()

    await site.until(gone)
    # Its objects went with it.
    await site.cluster.apply(definition(group))
    await site.until(served)
    assert await site.names(boats) == []
    await site.cluster.delete(ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"boats.{group}"))
