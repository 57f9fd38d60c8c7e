"""The end of a namespace."""

from dataclasses import replace

import pytest

from resail.errors import ForbiddenError
from resail.models.identity import KindRef, ObjectRef
from tests.contract.site import CONFIG_MAP, Site, config_map
from tests.contract.test_owners import held, let_go


async def test_a_namespace_that_is_deleted_takes_its_content_along_and_lets_nothing_new_in(site: Site) -> None:
    ending = replace(site, namespace=f"{site.namespace}-ending")
    ref = ObjectRef("v1", "Namespace", "", ending.namespace)
    await site.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ending.namespace}})
    await site.cluster.create(config_map(ending, "free"))
    await site.cluster.create(held(ending, "held"))
    await site.cluster.delete(ref)

    async def all_but_what_is_held_is_gone() -> bool:
        return await ending.names(CONFIG_MAP) == ["held"]

    await site.until(all_but_what_is_held_is_gone)
    with pytest.raises(ForbiddenError):
        await site.cluster.create(config_map(ending, "late"))
    await let_go(ending, "held")

    async def gone() -> bool:
        namespaces = await site.cluster.list_objects(KindRef("v1", "Namespace"))
        return ending.namespace not in {one["metadata"]["name"] for one in namespaces}

    await site.until(gone)
