"""What is kept of an object."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.backup.clean import cleaned
from resail.models.identity import Manifest

STAMPED = {
    "uid": "1",
    "resourceVersion": "2",
    "generation": 3,
    "creationTimestamp": "2026-11-01T00:00:00Z",
    "selfLink": "/api",
    "deletionTimestamp": "2026-11-02T00:00:00Z",
    "deletionGracePeriodSeconds": 30,
}


def made(kind: str = "v1/ConfigMap", metadata: dict[str, Any] | None = None, **more: Any) -> Manifest:
    api_version, _, name = kind.rpartition("/")
    return {"apiVersion": api_version, "kind": name, "metadata": {"name": "x", "namespace": "y", **(metadata or {})}, **more}


def entry(manager: str, **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {}}, **more}


def test_what_the_api_server_gives_anew_is_gone() -> None:
    own = {"labels": {"a": "b"}, "annotations": {"c": "d"}, "finalizers": ["e"], "ownerReferences": [{"uid": "f"}]}

    assert cleaned(made(metadata={**own, **STAMPED}, data={"g": "h"}, status={"i": "j"})) == made(metadata=own, data={"g": "h"})


def test_who_owns_a_field_is_kept_but_not_since_when() -> None:
    entries = [
        entry("istiod", time="2026-11-02T00:00:00Z"),
        entry("k8s", subresource="status", time="x"),
        entry("helm", time="x"),
    ]

    assert cleaned(made(metadata={"managedFields": entries})) == made(
        metadata={"managedFields": [entry("helm"), entry("istiod")]}
    )
    assert cleaned(made(metadata={"managedFields": entries[1:2]})) == made()


def test_a_service_gets_another_address() -> None:
    ports = [{"port": 80, "nodePort": 30080}]
    address = {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}

    assert cleaned(made("v1/Service", spec={**address, "ports": ports})) == made("v1/Service", spec={"ports": ports})


def test_a_headless_service_stays_without_one() -> None:
    service = made("v1/Service", spec={"clusterIP": "None", "clusterIPs": ["None"]})

    assert cleaned(service) == service


@pytest.mark.parametrize("annotation", ["deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"])
def test_rollouts_are_counted_anew(annotation: str) -> None:
    assert cleaned(made(metadata={"annotations": {annotation: "7"}})) == made()
    assert cleaned(made(metadata={"annotations": {annotation: "7", "a": "b"}})) == made(metadata={"annotations": {"a": "b"}})


def test_a_service_account_has_no_old_tokens() -> None:
    pulls = [{"name": "pull"}]

    account = made("v1/ServiceAccount", secrets=[{"name": "token"}], imagePullSecrets=pulls)

    assert cleaned(account) == made("v1/ServiceAccount", imagePullSecrets=pulls)


def test_a_field_named_secrets_stays_elsewhere() -> None:
    assert cleaned(made("example.com/v1/Safe", secrets=["a"])) == made("example.com/v1/Safe", secrets=["a"])


def test_a_webhook_keeps_its_bundle() -> None:
    hook = made("admissionregistration.k8s.io/v1/MutatingWebhookConfiguration", webhooks=[{"clientConfig": {"caBundle": "Y2E="}}])

    assert cleaned(hook) == hook


@given(
    st.sampled_from(["v1/Service", "v1/ServiceAccount", "v1/ConfigMap"]),
    st.dictionaries(st.sampled_from(sorted(STAMPED)), st.text(max_size=3)),
    st.lists(st.builds(entry, st.sampled_from("ab"), time=st.text(max_size=2)), max_size=3),
    st.dictionaries(st.sampled_from(["clusterIP", "clusterIPs", "ports"]), st.sampled_from(["None", "10.0.0.1"])),
)
def test_what_is_clean_stays_as_it_is(kind: str, stamped: Any, entries: Any, spec: Any) -> None:
    manifest = made(kind, metadata={**stamped, "managedFields": entries}, spec=spec, secrets=[], status={})
    before = copy.deepcopy(manifest)

    once = cleaned(manifest)

    assert cleaned(once) == once
    assert manifest == before
