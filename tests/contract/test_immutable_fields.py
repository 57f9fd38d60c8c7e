"""Fields that cannot be changed: refused as a whole, whether tried or meant."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from resail.errors import ApiInvalidError
from resail.models.identity import KindRef, Manifest
from tests.contract.site import CONFIG_MAP, DEPLOYMENT, POD, Site, config_map
from tests.contract.workloads import daemon_set, deployment, pod, stateful_set

SERVICE = KindRef("v1", "Service")


def other_app(**more: Any) -> Manifest:
    """A selector with a template that fits it."""
    labels = {"app": "other"}
    return {"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}, **more}}


def of(site: Site, api_version: str, kind: str, **fields: Any) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "namespace": site.namespace}, **fields}


def job(site: Site) -> Manifest:
    containers = [{"name": "task", "image": "example.org/task:1"}]
    # Nobody but us shall touch it.
    return of(
        site,
        "batch/v1",
        "Job",
        spec={"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": containers}}},
    )


def service(site: Site) -> Manifest:
    return of(site, "v1", "Service", spec={"ports": [{"name": "http", "port": 80}]})


def role_binding(site: Site) -> Manifest:
    group = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": site.namespace}
    role = {"apiGroup": group, "kind": "Role", "name": "one"}
    return of(site, f"{group}/v1", "RoleBinding", roleRef=role, subjects=[subject])


def lonely_pod(site: Site) -> Manifest:
    """One that waits for a node, and whose container is all that we say: a patch replaces the list of them as a whole."""
    return pod(site, "a", nodeSelector={"no": "where"}, automountServiceAccountToken=False)


class Case(NamedTuple):
    make: Callable[[Site], Manifest]
    patch: Manifest


CASES = {
    "Deployment-selector": Case(lambda site: deployment(site, "a", 0), other_app()),
    "StatefulSet-selector": Case(lambda site: stateful_set(site, "a", 0), other_app()),
    "StatefulSet-serviceName": Case(lambda site: stateful_set(site, "a", 0), {"spec": {"serviceName": "other"}}),
    "StatefulSet-podManagementPolicy": Case(
        lambda site: stateful_set(site, "a", 0), {"spec": {"podManagementPolicy": "Parallel"}}
    ),
    "StatefulSet-volumeClaimTemplates": Case(
        lambda site: stateful_set(site, "a", 0),
        {
            "spec": {
                "volumeClaimTemplates": [
                    {
                        "metadata": {"name": "data"},
                        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                    }
                ]
            }
        },
    ),
    "DaemonSet-selector": Case(lambda site: daemon_set(site, "a", pod_spec={"nodeSelector": {"no": "where"}}), other_app()),
    "Job-template": Case(job, {"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}}),
    "Job-completions": Case(job, {"spec": {"completions": 2}}),
    "Service-clusterIP": Case(service, {"spec": {"clusterIP": "None", "clusterIPs": ["None"]}}),
    "ConfigMap-data": Case(lambda site: config_map(site, "a", {"key": "1"}) | {"immutable": True}, {"data": {"key": "2"}}),
    "ConfigMap-immutable": Case(lambda site: config_map(site, "a") | {"immutable": True}, {"immutable": False}),
    "Secret-data": Case(lambda site: of(site, "v1", "Secret", data={"key": "MQ=="}, immutable=True), {"data": {"key": "Mg=="}}),
    "Secret-immutable": Case(lambda site: of(site, "v1", "Secret", immutable=True), {"immutable": None}),
    "Secret-type": Case(lambda site: of(site, "v1", "Secret"), {"type": "example.org/other"}),
    "RoleBinding-roleRef": Case(role_binding, {"roleRef": {"name": "two"}}),
    "Pod-serviceAccountName": Case(lambda site: lonely_pod(site), {"spec": {"serviceAccountName": "other"}}),
    "Pod-command": Case(
        lambda site: lonely_pod(site),
        {"spec": {"containers": [{"name": "app", "image": "example.org/app:1", "command": ["other"]}]}},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("dry_run", [True, False], ids=["tried", "meant"])
async def test_a_patch_of_one_is_refused_and_leaves_all_as_it_was(site: Site, case: Case, dry_run: bool) -> None:
    created = await site.cluster.create(case.make(site))
    ref = site.ref(KindRef(created["apiVersion"], created["kind"]), "a")
    with pytest.raises(ApiInvalidError) as caught:
        await site.cluster.patch(ref, {**case.patch, "metadata": {"labels": {"came": "along"}}}, dry_run=dry_run)
    assert caught.value.status == 422
    found = await site.cluster.get(ref)
    assert "came" not in found["metadata"].get("labels", {})
    for field in created.keys() - {"metadata", "status"}:
        assert found[field] == created[field]


async def test_an_apply_of_one_is_refused_even_by_force(site: Site) -> None:
    first = await site.cluster.apply(deployment(site, "a", 0))
    second = deployment(site, "a", 0)
    second["spec"]["selector"]["matchLabels"] = second["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    for dry_run in (True, False):
        with pytest.raises(ApiInvalidError):
            await site.cluster.apply(second, force=True, dry_run=dry_run)
    found = await site.cluster.get(site.ref(DEPLOYMENT, "a"))
    assert found["spec"] == first["spec"]


async def test_a_selector_that_does_not_fit_its_template_is_refused(site: Site) -> None:
    manifest = deployment(site, "a", 0)
    manifest["spec"]["selector"]["matchLabels"] = {"app": "other"}
    with pytest.raises(ApiInvalidError):
        await site.cluster.create(manifest)


async def test_the_name_cannot_be_changed(site: Site) -> None:
    await site.cluster.create(config_map(site, "a"))
    with pytest.raises(ApiInvalidError):
        await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"metadata": {"name": "b"}})


# --- what can be changed ---


async def test_the_cluster_ip_of_a_service_stays_where_it_is_left_out(site: Site) -> None:
    created = await site.cluster.create(service(site))
    assert created["spec"]["clusterIP"]
    applied = await site.cluster.apply(service(site), force=True)
    assert applied["spec"]["clusterIP"] == created["spec"]["clusterIP"]
    patched = await site.cluster.patch(site.ref(SERVICE, "a"), {"spec": {"clusterIP": None, "clusterIPs": None}})
    assert patched["spec"]["clusterIP"] == created["spec"]["clusterIP"]


async def test_what_is_immutable_can_be_labelled_and_deleted(site: Site) -> None:
    await site.cluster.create(config_map(site, "a", {"key": "1"}) | {"immutable": True})
    await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"metadata": {"labels": {"shelf": "left"}}})
    assert "a" in await site.names(CONFIG_MAP, "shelf=left")
    await site.cluster.delete(site.ref(CONFIG_MAP, "a"))


async def test_the_image_of_a_pod_can_be_changed(site: Site) -> None:
    await site.cluster.create(lonely_pod(site))
    containers = [{"name": "app", "image": "example.org/app:2"}]
    found = await site.cluster.patch(site.ref(POD, "a"), {"spec": {"containers": containers}})
    assert found["spec"]["containers"][0]["image"] == "example.org/app:2"


async def test_the_selector_of_a_budget_can_be_changed(site: Site) -> None:
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "one"}}}
    await site.cluster.create(of(site, "policy/v1", "PodDisruptionBudget", spec=spec))
    budget = site.ref(KindRef("policy/v1", "PodDisruptionBudget"), "a")
    patched = await site.cluster.patch(budget, {"spec": {"selector": {"matchLabels": {"app": "two"}}}})
    assert patched["spec"]["selector"] == {"matchLabels": {"app": "two"}}


async def test_a_suspended_job_that_never_ran_takes_a_new_template_of_what_decides_on_nodes_alone(site: Site) -> None:
    """https://kubernetes.io/docs/concepts/workloads/controllers/job/#mutable-scheduling-directives"""
    await site.cluster.create(job(site))
    ref = site.ref(KindRef("batch/v1", "Job"), "a")
    patched = await site.cluster.patch(ref, {"spec": {"template": {"spec": {"nodeSelector": {"room": "one"}}}}})
    assert patched["spec"]["template"]["spec"]["nodeSelector"] == {"room": "one"}
