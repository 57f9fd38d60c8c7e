"""How KWOK plays the kubelet: what the tests of upgrades count on."""

import time
from typing import Any

import pytest

from resail.testbed.bed import Bed
from tests.conftest import EMPTY
from tests.testbed.asking import create, create_node, eventually, merge

pytestmark = pytest.mark.bed

NAMESPACE = "/api/v1/namespaces/default"
APPS = "/apis/apps/v1/namespaces/default"
BATCH = "/apis/batch/v1/namespaces/default"
POLICY = "/apis/policy/v1/namespaces/default"
CONTAINER = {"name": "c", "image": "example.com/c:1"}


@pytest.fixture(scope="module")
def bed(session_bed: Bed) -> Bed:
    """One node; each test has names of its own."""
    session_bed.reset(EMPTY)
    create_node(session_bed)
    create(session_bed, f"{NAMESPACE}/pods", {"metadata": {"name": "first"}, "spec": {"containers": [CONTAINER]}})
    eventually(lambda: ready(session_bed, "first"))
    return session_bed


def ready(bed: Bed, name: str) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod(bed, name)["status"].get("conditions", [])
    )


def pod(bed: Bed, name: str) -> dict[str, Any]:
    found: dict[str, Any] = bed.api("GET", f"{NAMESPACE}/pods/{name}").json()
    return found


def pods(bed: Bed, app: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bed.api("GET", f"{NAMESPACE}/pods", params={"labelSelector": f"app={app}"}).json()["items"]
    return found


def workload(app: str, replicas: int, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": app}, "annotations": annotations or {}}, "spec": {"containers": [CONTAINER]}}
    selector = {"matchLabels": {"app": app}}
    return {"metadata": {"name": app}, "spec": {"replicas": replicas, "selector": selector, "template": template, **spec}}


def available(bed: Bed, app: str) -> bool:
    found = bed.api("GET", f"{APPS}/deployments/{app}").json()
    status, wanted = found["status"], found["spec"]["replicas"]
    counts = [status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas")]
    return status.get("observedGeneration") == found["metadata"]["generation"] and counts == [wanted] * 3


def test_nodes_are_ready_without_taints(bed: Bed) -> None:
    node = bed.api("GET", "/api/v1/nodes/worker").json()
    assert ("Ready", "True") in {(condition["type"], condition["status"]) for condition in node["status"]["conditions"]}
    assert not node["spec"].get("taints")


def test_a_pod_gets_an_address_of_its_own(bed: Bed) -> None:
    create(bed, f"{APPS}/deployments", workload("addressed", 5))
    eventually(lambda: available(bed, "addressed"))
    assert len({one["status"]["podIP"] for one in pods(bed, "addressed")}) == 5
    assert all(one["status"]["phase"] == "Running" for one in pods(bed, "addressed"))


def test_sidecars_of_both_kinds_and_init_containers_are_shown(bed: Bed) -> None:
    spec = {
        "initContainers": [{**CONTAINER, "name": "init"}, {**CONTAINER, "name": "native", "restartPolicy": "Always"}],
        "containers": [CONTAINER, {**CONTAINER, "name": "beside"}],
    }
    create(bed, f"{NAMESPACE}/pods", {"metadata": {"name": "crowded"}, "spec": spec})
    eventually(lambda: ready(bed, "crowded"))
    status = pod(bed, "crowded")["status"]
    assert {(one["name"], one["ready"], *one["state"]) for one in status["containerStatuses"]} == {
        ("c", True, "running"),
        ("beside", True, "running"),
    }
    assert {(one["name"], one["ready"], *one["state"]) for one in status["initContainerStatuses"]} == {
        ("init", True, "terminated"),
        ("native", True, "running"),
    }


def test_ready_after(bed: Bed) -> None:
    create(bed, f"{APPS}/deployments", workload("slow", 2, {"testbed.resail.dev/ready-after": "3s"}))
    eventually(lambda: [one for one in pods(bed, "slow") if one["status"]["phase"] == "Running"])
    begun = time.monotonic()
    assert not available(bed, "slow")
    eventually(lambda: available(bed, "slow"))
    assert 1.5 < time.monotonic() - begun < 10


def test_never_ready_until_the_template_says_otherwise(bed: Bed) -> None:
    create(bed, f"{APPS}/deployments", workload("broken", 2))
    eventually(lambda: available(bed, "broken"))
    merge(
        bed,
        f"{APPS}/deployments/broken",
        {"spec": {"template": {"metadata": {"annotations": {"testbed.resail.dev/never-ready": "true"}}}}},
    )
    # A rollout that brings no ready pod stands still at what its strategy allows.
    eventually(lambda: _stuck(bed, "broken"))
    assert bed.api("GET", f"{APPS}/deployments/broken").json()["status"]["availableReplicas"] == 2
    merge(
        bed,
        f"{APPS}/deployments/broken",
        {"spec": {"template": {"metadata": {"annotations": {"testbed.resail.dev/never-ready": None}}}}},
    )
    eventually(lambda: available(bed, "broken"))


def _stuck(bed: Bed, app: str) -> bool:
    status = bed.api("GET", f"{APPS}/deployments/{app}").json()["status"]
    running = [one for one in pods(bed, app) if one["status"].get("podIP")]
    return len(running) == 3 and bool(status.get("unavailableReplicas") == 1)


def test_a_stateful_set_goes_pod_by_pod_and_a_daemon_set_to_each_node(bed: Bed) -> None:
    create(bed, f"{APPS}/statefulsets", workload("ordered", 3, serviceName="ordered"))
    daemon = workload("everywhere", 0)
    del daemon["spec"]["replicas"]
    create(bed, f"{APPS}/daemonsets", daemon)
    eventually(lambda: bed.api("GET", f"{APPS}/statefulsets/ordered").json()["status"].get("availableReplicas") == 3)
    eventually(lambda: bed.api("GET", f"{APPS}/daemonsets/everywhere").json()["status"].get("numberAvailable") == 1)
    begun = [
        one["metadata"]["creationTimestamp"] for one in sorted(pods(bed, "ordered"), key=lambda one: str(one["metadata"]["name"]))
    ]
    assert begun == sorted(begun)


def test_a_job_completes(bed: Bed) -> None:
    template = {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}
    create(bed, f"{BATCH}/jobs", {"metadata": {"name": "once"}, "spec": {"template": template}})
    done = eventually(lambda: bed.api("GET", f"{BATCH}/jobs/once").json()["status"].get("succeeded"))
    assert done == 1


def test_an_eviction_heeds_the_budget(bed: Bed) -> None:
    create(bed, f"{APPS}/deployments", workload("guarded", 2))
    eventually(lambda: available(bed, "guarded"))
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "guarded"}}}
    create(bed, f"{POLICY}/poddisruptionbudgets", {"metadata": {"name": "guarded"}, "spec": spec})
    eventually(
        lambda: bed.api("GET", f"{POLICY}/poddisruptionbudgets/guarded").json().get("status", {}).get("currentHealthy") == 2
    )
    name = pods(bed, "guarded")[0]["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
    assert bed.api("POST", f"{NAMESPACE}/pods/{name}/eviction", json=eviction).status_code == 429
    merge(bed, f"{POLICY}/poddisruptionbudgets/guarded", {"spec": {"minAvailable": 1}})
    eventually(lambda: bed.api("POST", f"{NAMESPACE}/pods/{name}/eviction", json=eviction).status_code == 201)
    eventually(lambda: available(bed, "guarded") and name not in {one["metadata"]["name"] for one in pods(bed, "guarded")})


def test_a_deleted_pod_is_gone(bed: Bed) -> None:
    create(bed, f"{NAMESPACE}/pods", {"metadata": {"name": "short"}, "spec": {"containers": [CONTAINER]}})
    eventually(lambda: ready(bed, "short"))
    assert bed.api("DELETE", f"{NAMESPACE}/pods/short").is_success
    eventually(lambda: bed.api("GET", f"{NAMESPACE}/pods/short").status_code == 404)
