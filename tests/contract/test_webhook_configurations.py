"""Webhook configurations are what revisions, tags and the validator are made of."""

import pytest

from resail.errors import ApiConflictError
from resail.models.identity import Manifest, ObjectRef
from tests.contract.site import Site

GROUP = "admissionregistration.k8s.io/v1"
KINDS = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]


def configuration(site: Site, kind: str, revision: str, policy: str | None = "Fail") -> Manifest:
    """Of a webhook that no object selects."""
    webhook = {
        "name": "rev.namespace.sidecar-injector.istio.io",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"service": {"name": f"istiod-{revision}", "namespace": site.namespace, "path": "/inject", "port": 443}},
        # With the scope that the server fills in: a list that is applied whole conflicts where it differs in anything.
        "rules": [
            {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "scope": "*"},
        ],
        "namespaceSelector": {"matchLabels": {"nobody": "has-this"}},
    }
    if policy:
        webhook["failurePolicy"] = policy
    metadata = {"name": f"tag-{site.namespace}", "labels": {"istio.io/rev": revision, "istio.io/tag": "prod"}}
    return {"apiVersion": GROUP, "kind": kind, "metadata": metadata, "webhooks": [webhook]}


def reference(site: Site, kind: str) -> ObjectRef:
    return ObjectRef(GROUP, kind, "", f"tag-{site.namespace}")


def service_of(manifest: Manifest) -> str:
    (webhook,) = manifest["webhooks"]
    return str(webhook["clientConfig"]["service"]["name"])


@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_pointed_to_another_revision_by_apply(site: Site, kind: str) -> None:
    first = await site.cluster.apply(configuration(site, kind, "1-26-0", policy=None))
    assert (first["webhooks"][0]["timeoutSeconds"], first["webhooks"][0]["failurePolicy"]) == (10, "Fail")
    second = await site.cluster.apply(configuration(site, kind, "1-27-9"))
    assert service_of(second) == "istiod-1-27-9"
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    await site.cluster.delete(reference(site, kind))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_merge_patch_replaces_the_list_of_webhooks(site: Site, kind: str) -> None:
    created = await site.cluster.create(configuration(site, kind, "1-26-0"))
    moved = configuration(site, kind, "1-27-9")
    patch = {
        "metadata": {"labels": {"istio.io/rev": "1-27-9"}, "resourceVersion": created["metadata"]["resourceVersion"]},
        "webhooks": moved["webhooks"],
    }
    patched = await site.cluster.patch(reference(site, kind), patch)
    assert service_of(patched) == "istiod-1-27-9"
    assert patched["metadata"]["labels"] == {"istio.io/rev": "1-27-9", "istio.io/tag": "prod"}
    # The same version again: somebody changed it since (we did).
    with pytest.raises(ApiConflictError):
        await site.cluster.patch(reference(site, kind), patch)
    await site.cluster.delete(reference(site, kind))


async def test_istiod_turning_the_validator_fail_closed_is_a_conflict_for_helm(site: Site) -> None:
    """The one conflict that each upgrade of a live mesh meets."""
    kind = "ValidatingWebhookConfiguration"
    await site.cluster.apply(configuration(site, kind, "1-26-0", "Ignore"), manager="helm")
    await site.cluster.apply(configuration(site, kind, "1-26-0", "Fail"), manager="pilot-discovery", force=True)
    with pytest.raises(ApiConflictError) as caught:
        await site.cluster.apply(configuration(site, kind, "1-27-9", "Ignore"), manager="helm", dry_run=True)
    fields = {(conflict.manager, conflict.field.rpartition(".")[2]) for conflict in caught.value.conflicts}
    assert ("pilot-discovery", "failurePolicy") in fields
    # To render what the live object has makes both own it.
    agreed = await site.cluster.apply(configuration(site, kind, "1-26-0", "Fail"), manager="helm")
    assert agreed["webhooks"][0]["failurePolicy"] == "Fail"
    await site.cluster.delete(reference(site, kind))
