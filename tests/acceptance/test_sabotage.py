"""``verify`` names what is wrong, and is silent where nothing is."""

from typing import Any

import pytest

from tests.acceptance.conftest import Resail

pytestmark = pytest.mark.bed

MERGE = {"Content-Type": "application/merge-patch+json"}
SYSTEM = "/api/v1/namespaces/istio-system"


def found(resail: Resail) -> set[tuple[str, str]]:
    report = resail("verify", "-o", "json", code=3).json
    assert report["verdict"] == "blocked"
    return {
        (one["id"], one["objects"][0]["name"]) for one in report["findings"] if one["severity"] == "blocker" and one["objects"]
    }


def patch(resail: Resail, path: str, body: dict[str, Any]) -> None:
    resail.bed.api("PATCH", path, json=body, headers=MERGE).raise_for_status()


def test_six_sabotages_one_after_the_other(resail: Resail) -> None:
    assert resail("verify", "-o", "json").json == {"verdict": "ready", "findings": []}

    resail.bed.api("DELETE", f"{SYSTEM}/serviceaccounts/istio-cni").raise_for_status()
    assert ("object-missing", "istio-cni") in found(resail)

    policy = "/apis/policy/v1/namespaces/istio-system/poddisruptionbudgets/istiod"
    patch(resail, policy, {"spec": {"minAvailable": 7}})
    assert ("object-differs", "istiod") in found(resail)

    stranded = {
        "metadata": {
            "name": "istio-revision-tag-lost",
            "labels": {"istio.io/tag": "lost", "istio.io/rev": "9-9-9", "app": "sidecar-injector"},
        }
    }
    resail.bed.api(
        "POST",
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        json={"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", **stranded},
    ).raise_for_status()
    assert ("tag-points-nowhere", "istio-revision-tag-lost") in found(resail)

    old = {
        "metadata": {
            "name": "ancient",
            "labels": {"sidecar.istio.io/inject": "false"},
            "annotations": {"sidecar.istio.io/status": '{"revision":"default"}'},
        },
        "spec": {
            "containers": [{"name": "app", "image": "app:1"}, {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.23.4"}]
        },
    }
    resail.bed.api("POST", "/api/v1/namespaces/bookshop/pods", json=old).raise_for_status()
    assert ("proxy-skew", "ancient") in found(resail)

    nowhere = {"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": "nowhere"}}}}}
    patch(resail, "/apis/apps/v1/namespaces/edge/deployments/edge-gateway", {"spec": {"replicas": 2}} | nowhere)
    assert ("workload-not-ready", "edge-gateway") in found(resail)

    patch(resail, f"{SYSTEM}/services/istiod", {"spec": {"selector": {"app": "nothing"}}})
    # Whether the webhook still answers depends on a connection that the API server may have kept.
    assert ("webhook-without-endpoints", "istio-sidecar-injector") in found(resail)
