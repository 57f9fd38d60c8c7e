"""Server-side apply: who owns which field."""

from typing import Any

import pytest

from resail.cluster import FIELD_MANAGER
from resail.errors import ApiConflictError, ApiInvalidError, NotFoundError
from resail.models.identity import KindRef, Manifest
from tests.contract.site import CONFIG_MAP, Site, config_map
from tests.contract.workloads import deployment


def managers(manifest: Manifest) -> dict[str, str]:
    """Manager → operation."""
    return {entry["manager"]: entry["operation"] for entry in manifest["metadata"]["managedFields"]}


def conflicts(error: ApiConflictError) -> list[tuple[str, str]]:
    return sorted((conflict.manager, conflict.field) for conflict in error.conflicts)


async def test_it_creates_what_is_not_there(site: Site) -> None:
    applied = await site.cluster.apply(config_map(site, "a", {"key": "1"}))
    assert applied == await site.cluster.get(site.ref(CONFIG_MAP, "a"))
    assert managers(applied) == {FIELD_MANAGER: "Apply"}


async def test_the_same_again_makes_no_new_version(site: Site) -> None:
    first = await site.cluster.apply(config_map(site, "a", {"key": "1"}))
    second = await site.cluster.apply(config_map(site, "a", {"key": "1"}))
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


async def test_what_the_manager_no_longer_names_goes(site: Site) -> None:
    await site.cluster.apply(config_map(site, "a", {"mine": "1", "dropped": "1"}))
    await site.cluster.apply(config_map(site, "a", {"theirs": "1"}), manager="helm")
    applied = await site.cluster.apply(config_map(site, "a", {"mine": "2"}))
    assert applied["data"] == {"mine": "2", "theirs": "1"}
    assert managers(applied) == {FIELD_MANAGER: "Apply", "helm": "Apply"}


async def test_fields_of_others_are_conflicts_with_manager_and_field(site: Site) -> None:
    await site.cluster.apply(config_map(site, "a", {"one": "1", "two": "1"}), manager="helm")
    await site.cluster.apply(config_map(site, "a", {"three": "1"}), manager="pilot-discovery")
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.apply(config_map(site, "a", {"one": "2", "two": "2", "three": "2", "four": "2"}))
    assert conflicts(caught.value) == [("helm", ".data.one"), ("helm", ".data.two"), ("pilot-discovery", ".data.three")]
    assert (await site.cluster.get(site.ref(CONFIG_MAP, "a")))["data"] == {"one": "1", "two": "1", "three": "1"}


async def test_the_same_value_is_no_conflict_and_then_both_own_it(site: Site) -> None:
    await site.cluster.apply(config_map(site, "a", {"key": "1"}), manager="helm")
    await site.cluster.apply(config_map(site, "a", {"key": "1"}))
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.apply(config_map(site, "a", {"key": "2"}), manager="helm")
    assert conflicts(caught.value) == [(FIELD_MANAGER, ".data.key")]


async def test_a_patch_can_say_who_owns_what(site: Site) -> None:
    """As a restore does: what it created is then its makers' again, and nobody's fields are in Helm's way."""
    await site.cluster.apply(config_map(site, "a", {"chart": "1"}), manager="helm")
    before = await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"mine": "1"}})
    owners = [{name: value for name, value in entry.items() if name != "time"} for entry in before["metadata"]["managedFields"]]
    await site.cluster.delete(site.ref(CONFIG_MAP, "a"))
    made = await site.cluster.create(config_map(site, "a", before["data"]))
    assert managers(made) == {FIELD_MANAGER: "Update"}

    patch = {"metadata": {"managedFields": owners, "resourceVersion": made["metadata"]["resourceVersion"]}}
    given = await site.cluster.patch(site.ref(CONFIG_MAP, "a"), patch)

    assert given["metadata"]["managedFields"] == owners
    assert given["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    applied = await site.cluster.apply(config_map(site, "a", {"chart": "2"}), manager="helm")
    assert applied["data"] == {"chart": "2", "mine": "1"}
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.apply(config_map(site, "a", {"chart": "2", "mine": "2"}), manager="helm")
    assert conflicts(caught.value) == [(FIELD_MANAGER, ".data.mine")]


async def test_a_patch_owns_what_it_sets(site: Site) -> None:
    await site.cluster.create(config_map(site, "a", {"other": "1"}))
    await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"key": "1"}})
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.apply(config_map(site, "a", {"key": "2"}), manager="helm")
    assert conflicts(caught.value) == [(FIELD_MANAGER, ".data.key")]


async def test_force_takes_the_field_over(site: Site) -> None:
    await site.cluster.apply(config_map(site, "a", {"key": "1"}), manager="helm")
    applied = await site.cluster.apply(config_map(site, "a", {"key": "2"}), force=True)
    assert applied["data"] == {"key": "2"}
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.apply(config_map(site, "a", {"key": "1"}), manager="helm")
    assert conflicts(caught.value) == [(FIELD_MANAGER, ".data.key")]


async def test_who_lost_a_field_to_force_does_not_keep_it(site: Site) -> None:
    await site.cluster.apply(config_map(site, "a", {"key": "1", "other": "1"}), manager="helm")
    await site.cluster.apply(config_map(site, "a", {"key": "2"}), force=True)
    applied = await site.cluster.apply(config_map(site, "a", {"mine": "1"}))
    assert applied["data"] == {"mine": "1", "other": "1"}


async def test_who_lost_a_field_to_a_patch_does_not_own_it(site: Site) -> None:
    await site.cluster.apply(config_map(site, "a", {"key": "1"}), manager="helm")
    await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"key": "2"}})
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.apply(config_map(site, "a", {"key": "3"}), manager="istioctl")
    assert conflicts(caught.value) == [(FIELD_MANAGER, ".data.key")]


async def test_what_two_own_stays_when_one_of_them_no_longer_names_it(site: Site) -> None:
    await site.cluster.apply(config_map(site, "a", {"key": "1"}), manager="helm")
    await site.cluster.apply(config_map(site, "a", {"key": "1", "mine": "1"}))
    applied = await site.cluster.apply(config_map(site, "a", {"mine": "1"}))
    assert applied["data"] == {"key": "1", "mine": "1"}


async def test_containers_are_owned_field_by_field(site: Site) -> None:
    def web(image: str) -> Manifest:
        return deployment(site, "web", 0, {"both": "say"}, {"containers": [{"name": "app", "image": image}]})

    await site.cluster.apply(web("example.org/app:1"), manager="helm")
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.apply(web("example.org/app:2"))
    assert conflicts(caught.value) == [("helm", '.spec.template.spec.containers[name="app"].image')]


async def test_a_selector_is_owned_as_a_whole(site: Site) -> None:
    def service(**selector: str) -> Manifest:
        metadata = {"name": "web", "namespace": site.namespace}
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": selector, "ports": [{"port": 80}]},
        }

    await site.cluster.apply(service(app="web"), manager="helm")
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.apply(service(app="web", version="v1"))
    assert conflicts(caught.value) == [("helm", ".spec.selector")]


async def test_a_dry_run_shows_the_result_and_leaves_nothing(site: Site) -> None:
    tried = await site.cluster.apply(config_map(site, "a", {"key": "1"}), dry_run=True)
    assert tried["data"] == {"key": "1"}
    with pytest.raises(NotFoundError):
        await site.cluster.get(site.ref(CONFIG_MAP, "a"))
    before = await site.cluster.apply(config_map(site, "a", {"key": "1"}), manager="helm")
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.apply(config_map(site, "a", {"key": "2"}), dry_run=True)
    assert conflicts(caught.value) == [("helm", ".data.key")]
    tried = await site.cluster.apply(config_map(site, "a", {"key": "2"}), force=True, dry_run=True)
    assert tried["data"] == {"key": "2"}
    assert await site.cluster.get(site.ref(CONFIG_MAP, "a")) == before


async def test_what_is_not_valid_is_refused(site: Site) -> None:
    with pytest.raises(ApiInvalidError):
        await site.cluster.apply(config_map(site, "Not_A_Name"))
    with pytest.raises(ApiInvalidError):
        manifest: dict[str, Any] = config_map(site, "a")
        manifest["data"] = {"key": {"no": "text"}}
        await site.cluster.apply(manifest)


async def test_lists_by_key_are_owned_item_by_item(site: Site) -> None:
    def service(port: int, manager_of: str) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": site.namespace},
            "spec": {"ports": [{"name": manager_of, "port": port, "protocol": "TCP"}]},
        }

    await site.cluster.apply(service(80, "one"), manager="helm")
    applied = await site.cluster.apply(service(81, "two"))
    assert [port["port"] for port in applied["spec"]["ports"]] == [80, 81]
    assert KindRef(applied["apiVersion"], applied["kind"]) == KindRef("v1", "Service")
