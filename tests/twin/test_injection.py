"""Webhooks, and the istiod behind them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from resail.errors import ApiConflictError, ClusterApiError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.snapshot import Pod
from resail.snapshot.shapes import PodShape
from resail.snapshot.workloads import pod_facts
from resail.twin.cluster import TwinCluster, open_twin
from tests.twin.worlds import deployment, rolled_out, set_up

ISTIO = "istio-system"
GROUP = "admissionregistration.k8s.io/v1"
MUTATING = "MutatingWebhookConfiguration"
VALIDATING = "ValidatingWebhookConfiguration"
ISTIOD = {
    version: ObjectRef("apps/v1", "Deployment", ISTIO, f"istiod-{version.replace('.', '-')}") for version in ("1.26.0", "1.27.9")
}


def istiod(version: str) -> list[Manifest]:
    """As the chart makes it, without what the twin does not look at."""
    revision = version.replace(".", "-")
    labels = {"app": "istiod", "istio.io/rev": revision}
    web = deployment(f"istiod-{revision}", replicas=1)
    web["metadata"] |= {"namespace": ISTIO, "labels": labels}
    web["spec"]["selector"] = {"matchLabels": labels}
    web["spec"]["template"]["metadata"]["labels"] = {**labels, "sidecar.istio.io/inject": "false"}
    proxy = {"image": "proxyv2", "resources": {"requests": {"cpu": "100m"}}}
    values = {"global": {"hub": "docker.io/istio", "tag": version, "proxy": proxy}}
    metadata = {"namespace": ISTIO, "name": f"istiod-{revision}"}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": labels, "ports": [{"port": 443}]}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"namespace": ISTIO, "name": f"istio-sidecar-injector-{revision}"},
            "data": {"values": json.dumps(values)},
        },
        web,
        webhooks(MUTATING, f"istio-sidecar-injector-{revision}", revision, revision),
    ]


def webhooks(kind: str, name: str, revision: str, pointer: str = "", policy: str = "Fail") -> Manifest:
    not_opted_out = {"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]}

    def entry(prefix: str, namespaces: dict[str, Any], objects: dict[str, Any]) -> dict[str, Any]:
        pods = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
        configurations = {"apiGroups": ["networking.istio.io"], "apiVersions": ["*"], "resources": ["*"]}
        rule = {"operations": ["CREATE", "UPDATE"], **(pods if kind == MUTATING else configurations)}
        return {
            "name": f"{prefix}istio.io",
            "clientConfig": {"service": {"name": f"istiod-{revision}", "namespace": ISTIO}},
            "rules": [rule],
            "failurePolicy": policy,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": namespaces,
            "objectSelector": {**objects, "matchExpressions": [not_opted_out]},
        }

    by_namespace = {"matchLabels": {"istio.io/rev": pointer}} if pointer else {}
    no_namespace = {"matchExpressions": [{"key": "istio.io/rev", "operator": "DoesNotExist"}]}
    entries = [entry("namespace.", by_namespace, {})]
    if pointer:
        entries.append(entry("object.", no_namespace, {"matchLabels": {"istio.io/rev": pointer}}))
    metadata = {"name": name, "labels": {"istio.io/rev": revision}}
    return {"apiVersion": GROUP, "kind": kind, "metadata": metadata, "webhooks": entries}


@pytest_asyncio.fixture
async def twin() -> AsyncIterator[TwinCluster]:
    """Two istiods, a tag that points to the older one, and a namespace that asks for the tag."""
    async with open_twin() as one:
        await set_up(one)
        await one.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ISTIO}})
        await one.clock.sleep(1)
        for version, ref in ISTIOD.items():
            for manifest in istiod(version):
                await one.apply(manifest, manager="helm")
            await rolled_out(one, ref)
        await one.apply(webhooks(MUTATING, "tag", "1-26-0", "prod"), manager="istioctl")
        await one.clock.sleep(1)
        await ask_for(one, "prod")
        yield one


async def ask_for(twin: TwinCluster, pointer: str | None) -> None:
    await twin.patch(ObjectRef("v1", "Namespace", "", "shop"), {"metadata": {"labels": {"istio.io/rev": pointer}}})


async def made(twin: TwinCluster, **metadata: Any) -> Manifest:
    spec = {"containers": [{"name": "app", "image": "example.org/app:1"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop", **metadata}, "spec": spec}
    return await twin.create(pod, dry_run=True)


async def facts(twin: TwinCluster, **metadata: Any) -> Pod:
    return pod_facts(msgspec.convert(await made(twin, **metadata), PodShape))


async def test_a_tag_leads_to_its_revision_and_then_to_another(twin: TwinCluster) -> None:
    before = await facts(twin)
    assert (before.proxy_version, before.revision) == ("1.26.0", "1-26-0")
    moved = webhooks(MUTATING, "tag", "1-27-9", "prod")
    await twin.patch(ObjectRef.of(moved), {"metadata": moved["metadata"], "webhooks": moved["webhooks"]})
    # Until its istiod has put its CA into it, it fails closed.
    with pytest.raises(ClusterApiError, match="x509"):
        await made(twin)
    await twin.clock.sleep(1)
    after = await facts(twin)
    assert (after.proxy_version, after.revision) == ("1.27.9", "1-27-9")


async def test_a_pod_asks_for_a_revision_where_its_namespace_does_not(twin: TwinCluster) -> None:
    await ask_for(twin, None)
    assert (await facts(twin)).proxy_version == ""
    assert (await facts(twin, labels={"istio.io/rev": "1-27-9"})).revision == "1-27-9"


@pytest.mark.parametrize("where", ["labels", "annotations"])
async def test_a_pod_opts_out(twin: TwinCluster, where: str) -> None:
    assert (await facts(twin, **{where: {"sidecar.istio.io/inject": "false"}})).proxy_version == ""


async def test_a_pod_on_the_host_s_network_gets_no_sidecar(twin: TwinCluster) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"hostNetwork": True, "containers": [{"name": "app", "image": "example.org/app:1"}]},
    }
    answer = await twin.create(pod, dry_run=True)
    assert [one["name"] for one in answer["spec"]["containers"]] == ["app"]


@pytest.mark.parametrize(
    ("given", "image"), [("auto", "docker.io/istio/proxyv2:1.26.0"), ("example.org/proxy:1", "example.org/proxy:1")]
)
async def test_a_gateway_gets_the_image_that_it_leaves_open(twin: TwinCluster, given: str, image: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "shop", "annotations": {"inject.istio.io/templates": "gateway"}},
        "spec": {"containers": [{"name": "istio-proxy", "image": given}]},
    }
    answer = await twin.create(pod, dry_run=True)
    assert [one["image"] for one in answer["spec"]["containers"]] == [image]
    assert "initContainers" not in answer["spec"]


async def test_the_sidecar_requests_what_the_revision_says(twin: TwinCluster) -> None:
    answer = await made(twin)
    (proxy,) = [one for one in answer["spec"]["containers"] if one["name"] == "istio-proxy"]
    assert proxy["resources"]["requests"] == {"cpu": "100m"}
    assert [one["name"] for one in answer["spec"]["initContainers"]] == ["istio-init"]


async def test_where_no_istiod_is_ready_no_pod_can_be_made(twin: TwinCluster) -> None:
    await twin.patch(ISTIOD["1.26.0"], {"spec": {"replicas": 0}})
    await twin.clock.sleep(1)
    with pytest.raises(ClusterApiError, match="no endpoints available") as caught:
        await made(twin)
    assert caught.value.status == 500
    # Nor by a controller, which goes on trying.
    await twin.create(deployment(replicas=1))
    await twin.clock.sleep(5)
    assert not await twin.list_objects(KindRef("v1", "Pod"), namespace="shop")
    await twin.patch(ISTIOD["1.26.0"], {"spec": {"replicas": 1}})
    await rolled_out(twin)


async def test_an_istiod_that_is_not_ready_does_not_answer(twin: TwinCluster) -> None:
    template = {"metadata": {"annotations": {"testbed.resail.dev/never-ready": "true"}}}
    strategy = {"type": "Recreate", "rollingUpdate": None}
    await twin.patch(ISTIOD["1.26.0"], {"spec": {"strategy": strategy, "template": template}})
    await twin.clock.sleep(5)
    with pytest.raises(ClusterApiError, match="no endpoints available"):
        await made(twin)


async def test_istiod_turns_the_validator_fail_closed_and_owns_that(twin: TwinCluster) -> None:
    validator = webhooks(VALIDATING, "validator", "1-26-0", policy="Ignore")
    await twin.apply(validator, manager="helm")
    await twin.clock.sleep(1)
    live = await twin.get(ObjectRef.of(validator))
    assert live["webhooks"][0]["failurePolicy"] == "Fail"
    assert live["webhooks"][0]["clientConfig"]["caBundle"]
    with pytest.raises(ApiConflictError) as caught:
        await twin.apply(validator, manager="helm", dry_run=True)
    (conflict,) = caught.value.conflicts
    assert (conflict.manager, conflict.field) == ("pilot-discovery", '.webhooks[name="namespace.istio.io"].failurePolicy')


async def test_an_istiod_leaves_the_configurations_of_other_revisions_alone(twin: TwinCluster) -> None:
    others = webhooks(MUTATING, "later", "1-28-0", "1-28-0")
    await twin.apply(others)
    await twin.clock.sleep(1)
    assert "caBundle" not in (await twin.get(ObjectRef.of(others)))["webhooks"][0]["clientConfig"]


async def test_istio_objects_need_an_istiod_that_answers(twin: TwinCluster) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "sidecars.networking.istio.io"},
        "spec": {
            "group": "networking.istio.io",
            "names": {"kind": "Sidecar", "plural": "sidecars"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True}],
        },
    }
    await twin.apply(definition)
    await twin.apply(webhooks(VALIDATING, "validator", "1-26-0"))
    await twin.clock.sleep(1)
    sidecar = {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": {"name": "a", "namespace": "shop"}}
    await twin.create(sidecar, dry_run=True)
    await twin.patch(ISTIOD["1.26.0"], {"spec": {"replicas": 0}})
    await twin.clock.sleep(1)
    with pytest.raises(ClusterApiError, match="failed calling webhook"):
        await twin.create(sidecar, dry_run=True)
