"""Create, patch, delete; what a dry run leaves."""

import pytest

from resail.errors import ApiConflictError, ApiInvalidError, ForbiddenError, NotFoundError
from resail.models.identity import KindRef, Manifest, ObjectRef
from tests.contract.site import CONFIG_MAP, DEPLOYMENT, POD, Site, config_map
from tests.contract.workloads import deployment, pod, pods, rolled_out


async def test_create_gives_what_is_stored(site: Site) -> None:
    created = await site.cluster.create(config_map(site, "a", {"key": "1"}))
    assert created["metadata"]["uid"]
    assert created["metadata"]["resourceVersion"]
    assert created["data"] == {"key": "1"}


async def test_create_what_is_there(site: Site) -> None:
    await site.cluster.create(config_map(site, "a", {"key": "1"}))
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.create(config_map(site, "a", {"key": "2"}))
    assert caught.value.conflicts == ()
    assert (await site.cluster.get(site.ref(CONFIG_MAP, "a")))["data"] == {"key": "1"}


async def test_create_in_no_namespace(site: Site) -> None:
    manifest = config_map(site, "a")
    manifest["metadata"]["namespace"] = "no-such-namespace"
    with pytest.raises(NotFoundError):
        await site.cluster.create(manifest)


async def test_create_what_is_not_valid(site: Site) -> None:
    with pytest.raises(ApiInvalidError) as caught:
        await site.cluster.create(config_map(site, "Not_A_Name"))
    assert caught.value.status == 422
    assert "Not_A_Name" in caught.value.what


async def test_a_label_that_is_none_is_refused(site: Site) -> None:
    with pytest.raises(ApiInvalidError):
        await site.cluster.create(config_map(site, "a", tier="front end"))


async def test_a_pod_runs_as_an_account_that_there_is(site: Site) -> None:
    with pytest.raises(ForbiddenError, match="nobody"):
        await site.cluster.create(pod(site, "a", serviceAccountName="nobody"))


async def test_who_writes_an_object_does_not_write_its_status(site: Site) -> None:
    await site.cluster.create(deployment(site, "web", 0))
    patched = await site.cluster.patch(site.ref(DEPLOYMENT, "web"), {"status": {"collisionCount": 7}})
    assert "collisionCount" not in patched.get("status", {})


async def test_a_dry_run_of_create_leaves_nothing(site: Site) -> None:
    tried = await site.cluster.create(config_map(site, "a", {"key": "1"}), dry_run=True)
    assert tried["data"] == {"key": "1"}
    with pytest.raises(NotFoundError):
        await site.cluster.get(site.ref(CONFIG_MAP, "a"))


async def test_a_dry_run_of_create_meets_what_is_there(site: Site) -> None:
    await site.cluster.create(config_map(site, "a"))
    with pytest.raises(ApiConflictError):
        await site.cluster.create(config_map(site, "a"), dry_run=True)


async def test_a_dry_run_of_a_pod_shows_what_admission_makes_of_it(site: Site) -> None:
    """How the engine sees which sidecar a pod would get."""
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "namespace": site.namespace},
        "spec": {"containers": [{"name": "app", "image": "example.org/app:1"}]},
    }
    tried = await site.cluster.create(pod, dry_run=True)
    assert tried["spec"]["serviceAccountName"] == "default"
    assert await site.names(POD) == []


# --- merge patch ---


async def test_a_merge_patch_sets_and_removes_and_keeps(site: Site) -> None:
    await site.cluster.create(config_map(site, "a", {"keep": "1", "set": "1", "remove": "1"}, shelf="left"))
    await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"set": "2", "new": "3", "remove": None}})
    found = await site.cluster.get(site.ref(CONFIG_MAP, "a"))
    assert found["data"] == {"keep": "1", "set": "2", "new": "3"}
    assert found["metadata"]["labels"] == {"shelf": "left"}


async def test_a_patch_gives_what_is_stored(site: Site) -> None:
    await site.cluster.create(config_map(site, "a"))
    patched = await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"key": "1"}})
    assert patched == await site.cluster.get(site.ref(CONFIG_MAP, "a"))


async def test_a_patch_that_changes_nothing_makes_no_new_version(site: Site) -> None:
    created = await site.cluster.create(config_map(site, "a", {"key": "1"}))
    patched = await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"key": "1", "absent": None}})
    assert patched["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


async def test_a_patch_of_an_older_version_is_refused(site: Site) -> None:
    old = await site.cluster.create(config_map(site, "a", {"key": "1"}))
    new = await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"key": "2"}})
    with pytest.raises(ApiConflictError):
        await site.cluster.patch(site.ref(CONFIG_MAP, "a"), _of_version(old))
    assert (await site.cluster.get(site.ref(CONFIG_MAP, "a")))["data"] == {"key": "2"}
    assert (await site.cluster.patch(site.ref(CONFIG_MAP, "a"), _of_version(new)))["data"] == {"key": "3"}


def _of_version(manifest: Manifest) -> Manifest:
    return {"metadata": {"resourceVersion": manifest["metadata"]["resourceVersion"]}, "data": {"key": "3"}}


async def test_a_dry_run_of_a_patch_leaves_nothing(site: Site) -> None:
    created = await site.cluster.create(config_map(site, "a", {"key": "1"}))
    tried = await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"key": "2"}}, dry_run=True)
    assert tried["data"] == {"key": "2"}
    assert await site.cluster.get(site.ref(CONFIG_MAP, "a")) == created


async def test_patch_what_is_not_there(site: Site) -> None:
    with pytest.raises(NotFoundError):
        await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"key": "1"}})


async def test_the_labels_of_a_namespace(site: Site) -> None:
    here = ObjectRef("v1", "Namespace", "", site.namespace)
    await site.cluster.patch(here, {"metadata": {"labels": {"istio-injection": "enabled"}}})
    await site.cluster.patch(here, {"metadata": {"labels": {"istio-injection": None, "istio.io/rev": "1-27-9"}}})
    labels = (await site.cluster.get(here))["metadata"]["labels"]
    assert labels == {"istio.io/rev": "1-27-9", "kubernetes.io/metadata.name": site.namespace}


# --- delete ---


async def test_delete(site: Site) -> None:
    await site.cluster.create(config_map(site, "a"))
    await site.cluster.delete(site.ref(CONFIG_MAP, "a"))
    with pytest.raises(NotFoundError):
        await site.cluster.get(site.ref(CONFIG_MAP, "a"))


async def test_delete_what_is_not_there(site: Site) -> None:
    with pytest.raises(NotFoundError):
        await site.cluster.delete(site.ref(CONFIG_MAP, "a"))


async def test_a_dry_run_of_delete_leaves_all(site: Site) -> None:
    created = await site.cluster.create(config_map(site, "a"))
    await site.cluster.delete(site.ref(CONFIG_MAP, "a"), dry_run=True)
    assert await site.cluster.get(site.ref(CONFIG_MAP, "a")) == created


async def test_what_is_made_anew_has_another_uid(site: Site) -> None:
    first = await site.cluster.create(config_map(site, "a"))
    await site.cluster.delete(site.ref(CONFIG_MAP, "a"))
    second = await site.cluster.create(config_map(site, "a"))
    assert first["metadata"]["uid"] != second["metadata"]["uid"]


async def test_what_belongs_to_the_deleted_goes_too(site: Site) -> None:
    await site.cluster.create(deployment(site, "web", replicas=2))
    await rolled_out(site, "Deployment", "web")
    await site.cluster.delete(site.ref(KindRef("apps/v1", "Deployment"), "web"))

    async def all_gone() -> bool:
        return not await pods(site, "web") and not await site.names(KindRef("apps/v1", "ReplicaSet"))

    await site.until(all_gone)
