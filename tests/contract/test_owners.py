"""Who goes with whom: owner references and finalizers."""

import pytest

from resail.errors import ApiInvalidError, NotFoundError
from resail.models.identity import Manifest
from tests.contract.site import CONFIG_MAP, Site, config_map

HELD = "example.org/held"


def owned_by(site: Site, name: str, *owners: Manifest) -> Manifest:
    manifest = config_map(site, name)
    manifest["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        for owner in owners
    ]
    return manifest


def held(site: Site, name: str) -> Manifest:
    manifest = config_map(site, name)
    manifest["metadata"]["finalizers"] = [HELD]
    return manifest


async def let_go(site: Site, name: str) -> None:
    await site.cluster.patch(site.ref(CONFIG_MAP, name), {"metadata": {"finalizers": None}})


async def gone(site: Site, name: str) -> None:
    async def done() -> bool:
        return name not in await site.names(CONFIG_MAP)

    await site.until(done)


async def others_are_collected(site: Site) -> None:
    """The garbage collector had its turn."""
    owner = await site.cluster.create(config_map(site, "other-owner"))
    await site.cluster.create(owned_by(site, "other", owner))
    await site.cluster.delete(site.ref(CONFIG_MAP, "other-owner"))
    await gone(site, "other")


async def test_what_is_owned_goes_after_its_owner(site: Site) -> None:
    owner = await site.cluster.create(config_map(site, "owner"))
    middle = await site.cluster.create(owned_by(site, "middle", owner))
    await site.cluster.create(owned_by(site, "last", middle))
    await site.cluster.delete(site.ref(CONFIG_MAP, "owner"))
    # In the background: the owner is gone at once.
    assert "owner" not in await site.names(CONFIG_MAP)
    await gone(site, "middle")
    await gone(site, "last")


async def test_what_names_an_owner_of_another_uid_goes(site: Site) -> None:
    owner = await site.cluster.create(config_map(site, "owner"))
    wrong: Manifest = {"metadata": {**owner["metadata"], "uid": "00000000-0000-4000-8000-000000000000"}}
    await site.cluster.create(owned_by(site, "orphan", wrong))
    await gone(site, "orphan")
    assert "owner" in await site.names(CONFIG_MAP)


async def test_an_owner_that_is_made_anew_does_not_keep_what_the_old_one_owned(site: Site) -> None:
    owner = await site.cluster.create(config_map(site, "owner"))
    await site.cluster.create(owned_by(site, "owned", owner))
    await site.cluster.delete(site.ref(CONFIG_MAP, "owner"))
    await site.cluster.create(config_map(site, "owner"))
    await gone(site, "owned")


async def test_what_has_two_owners_stays_with_the_second(site: Site) -> None:
    first = await site.cluster.create(config_map(site, "first"))
    second = await site.cluster.create(config_map(site, "second"))
    await site.cluster.create(owned_by(site, "owned", first, second))
    await site.cluster.delete(site.ref(CONFIG_MAP, "first"))

    async def has_one_owner() -> bool:
        owned = await site.cluster.get(site.ref(CONFIG_MAP, "owned"))
        return [owner["name"] for owner in owned["metadata"]["ownerReferences"]] == ["second"]

    await site.until(has_one_owner)
    await site.cluster.delete(site.ref(CONFIG_MAP, "second"))
    await gone(site, "owned")


async def test_a_finalizer_holds_what_is_deleted_until_a_patch_removes_it(site: Site) -> None:
    created = await site.cluster.create(held(site, "a"))
    await site.cluster.delete(site.ref(CONFIG_MAP, "a"))
    found = await site.cluster.get(site.ref(CONFIG_MAP, "a"))
    assert found["metadata"]["deletionTimestamp"]
    assert found["metadata"]["uid"] == created["metadata"]["uid"]
    await let_go(site, "a")
    with pytest.raises(NotFoundError):
        await site.cluster.get(site.ref(CONFIG_MAP, "a"))


async def test_what_is_held_can_be_changed_and_deleted_again_but_not_held_by_more(site: Site) -> None:
    await site.cluster.create(held(site, "a"))
    await site.cluster.delete(site.ref(CONFIG_MAP, "a"))
    first = (await site.cluster.get(site.ref(CONFIG_MAP, "a")))["metadata"]["deletionTimestamp"]
    patched = await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"key": "1"}})
    assert patched["data"] == {"key": "1"}
    await site.cluster.delete(site.ref(CONFIG_MAP, "a"))
    assert (await site.cluster.get(site.ref(CONFIG_MAP, "a")))["metadata"]["deletionTimestamp"] == first
    with pytest.raises(ApiInvalidError):
        await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"metadata": {"finalizers": [HELD, "example.org/more"]}})
    await let_go(site, "a")


async def test_what_is_owned_stays_while_its_owner_is_held(site: Site) -> None:
    owner = await site.cluster.create(held(site, "owner"))
    await site.cluster.create(owned_by(site, "owned", owner))
    await site.cluster.delete(site.ref(CONFIG_MAP, "owner"))
    await others_are_collected(site)
    assert {"owner", "owned"} <= set(await site.names(CONFIG_MAP))
    await let_go(site, "owner")
    await gone(site, "owned")


async def test_the_deletion_timestamp_is_not_ours_to_write(site: Site) -> None:
    await site.cluster.create(config_map(site, "a"))
    with pytest.raises(ApiInvalidError):
        await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"metadata": {"deletionTimestamp": "2030-01-01T00:00:00Z"}})
