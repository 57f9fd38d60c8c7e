"""What stops a run, and what it leaves."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from resail.testbed import audit
from resail.testbed.binaries import ensure
from tests.acceptance.conftest import Resail
from tests.acceptance.judge import besides_bookkeeping
from tests.acceptance.world import differences, world
from tests.conftest import settle

pytestmark = pytest.mark.bed

DEPLOYMENTS = "/apis/apps/v1/namespaces/bookshop/deployments"
MERGE = {"Content-Type": "application/merge-patch+json"}


def patch(resail: Resail, path: str, body: dict[str, Any]) -> None:
    resail.bed.api("PATCH", path, json=body, headers=MERGE).raise_for_status()


def ratings_pods(resail: Resail) -> set[str]:
    found = resail.bed.api("GET", "/api/v1/namespaces/bookshop/pods", params={"labelSelector": "app=ratings"}).json()["items"]
    return {pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]}


SURGE = {"strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}, "progressDeadlineSeconds": 4}
"""The old pod goes only when a new one is ready."""


@pytest.mark.parametrize(("on_failure", "code", "state"), [("halt", 5, "halted"), ("rollback", 6, "rolled-back")])
def test_a_workload_that_never_gets_ready(resail: Resail, on_failure: str, code: int, state: str) -> None:
    never = {"metadata": {"annotations": {"testbed.resail.dev/never-ready-with": "1-26-0"}}}
    patch(resail, f"{DEPLOYMENTS}/ratings", {"spec": {**SURGE, "template": never}})
    settle(resail.bed)
    before, serving = world(resail.bed), ratings_pods(resail)
    resail.make_plan("--on-failure", on_failure)
    begun = len(resail.bed.audit())

    record = resail.apply(code=code)

    assert record["state"] == state
    (wave,) = [step for step in record["steps"] if step["kind"] == "RestartWave"]
    assert wave["outcome"] == {"halt": "failed", "rollback": "undone"}[on_failure]
    assert serving <= ratings_pods(resail), "the pod that serves is not taken away"
    if on_failure == "rollback":
        assert differences(before, world(resail.bed)) == []
        assert ratings_pods(resail) == serving
        templates = [name for name in audit.rollouts(resail.bed.audit()[begun:]) if name.startswith("bookshop/ratings-")]
        assert len(templates) == 1, "taking the restart back rolls nothing out"
    else:
        assert "bookshop/Deployment/ratings" in wave["detail"]
        mended = {"metadata": {"annotations": {"testbed.resail.dev/never-ready-with": None}}}
        patch(resail, f"{DEPLOYMENTS}/ratings", {"spec": {"template": mended}})
        assert resail.resume()["state"] == "done"


def test_a_stateful_set_that_is_stuck_is_freed(resail: Resail) -> None:
    """Taking its template back is not enough: it waits for the pod that never gets ready."""
    never = {"metadata": {"annotations": {"testbed.resail.dev/never-ready-with": "1-26-0"}}}
    patch(resail, "/apis/apps/v1/namespaces/bookshop/statefulsets/details", {"spec": {"template": never}})
    settle(resail.bed)
    before = world(resail.bed)
    resail.make_plan("--on-failure", "rollback", "--ready-timeout", "8")
    begun = len(resail.bed.audit())

    assert resail.apply(code=6)["state"] == "rolled-back"

    assert differences(before, world(resail.bed)) == []
    assert audit.evictions(resail.bed.audit()[begun:], "resail") == ["bookshop/details-1"]


def test_a_workload_that_is_broken_before_its_restart_is_not_restarted(resail: Resail) -> None:
    patch(resail, f"{DEPLOYMENTS}/ratings", {"spec": SURGE})
    resail.make_plan("--on-failure", "rollback")
    # Its owner deploys meanwhile what waits for a node that is not there.
    away = {"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": "nowhere"}}}}}
    patch(resail, f"{DEPLOYMENTS}/ratings", away)
    before = world(resail.bed)
    begun = len(resail.bed.audit())

    record = resail.apply(code=6)

    assert record["state"] == "rolled-back"
    assert "bookshop/deployments/ratings" not in audit.restarts(resail.bed.audit()[begun:], "resail")
    assert differences(before, world(resail.bed)) == []


def test_pause_and_resume_and_abort(resail: Resail) -> None:
    resail.make_plan()
    process = subprocess.Popen(
        resail.command("apply", resail.plan, "--dir", resail.state, "-o", "json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=resail.environment,
        text=True,
    )
    deadline = time.monotonic() + 30
    while True:
        asked = subprocess.run(
            resail.command("pause", "--dir", resail.state), capture_output=True, text=True, env=resail.environment
        )
        if asked.returncode == 0:
            break
        assert time.monotonic() < deadline, asked.stderr
    process.communicate(timeout=120)
    assert process.returncode == 5
    assert resail("status", "--dir", resail.state, "-o", "json").json["run"]["state"] == "halted"

    # Another run may not begin beside it.
    resail("apply", resail.plan, "--dir", resail.state, code=11)
    resail("abort", "--dir", resail.state)
    assert resail("status", "--dir", resail.state, "-o", "json").json["run"]["state"] == "aborted"
    resail("resume", "--dir", resail.state, code=2)
    assert resail.rollback()["state"] == "rolled-back"


def test_approval(resail: Resail) -> None:
    resail.make_plan("--approve-restarts")
    record = resail.apply(code=5)
    waiting = next(step["id"] for step in record["steps"] if step["kind"] == "Approve")
    assert waiting in record["detail"] or "Restart" in record["detail"]
    resail.resume(code=5)
    assert resail.resume("--approve", waiting)["state"] == "done"


def test_what_someone_else_left_pending_is_not_touched(resail: Resail) -> None:
    resail.make_plan()
    name = "sh.helm.release.v1.base.v1"
    secret = resail.bed.api("GET", f"/api/v1/namespaces/istio-system/secrets/{name}").json()
    labels = {**secret["metadata"]["labels"], "version": "2", "status": "pending-upgrade"}
    pending = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": secret["type"],
        "metadata": {"name": name.replace("v1.base.v1", "v1.base.v2"), "labels": labels},
        "data": {"release": as_pending(secret["data"]["release"])},
    }
    resail.bed.api("POST", "/api/v1/namespaces/istio-system/secrets", json=pending).raise_for_status()
    begun = len(resail.bed.audit())

    done = resail("apply", resail.plan, "--dir", resail.state, code=4)
    assert "pending-upgrade" in done.errors
    assert besides_bookkeeping(audit.writes(resail.bed.audit()[begun:], "resail"), "istio-system") == []
    # A plan that is made now says it too.
    assert "helm-release-unfinished" in resail("plan", "--to", "1.26.0", code=3).errors


def as_pending(release: str) -> str:
    import base64
    import gzip
    import json

    stored = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(release))))
    stored["version"] = 2
    stored["info"]["status"] = "pending-upgrade"
    packed = gzip.compress(json.dumps(stored).encode())
    return base64.b64encode(base64.b64encode(packed)).decode()


def test_a_stale_plan_is_refused_and_an_application_deploy_is_not(resail: Resail) -> None:
    resail.make_plan()
    image = {"spec": {"template": {"spec": {"containers": [{"name": "ratings", "image": "registry.example.com/ratings:2"}]}}}}
    resail.bed.api(
        "PATCH",
        f"{DEPLOYMENTS}/ratings",
        json=image,
        headers={"Content-Type": "application/strategic-merge-patch+json"},
    ).raise_for_status()
    labels = {"metadata": {"labels": {"istio-injection": None, "istio.io/rev": "default"}}}
    patch(resail, "/api/v1/namespaces/bookshop", labels)
    begun = len(resail.bed.audit())
    stale = resail("apply", resail.plan, "--dir", resail.state, code=4)
    assert "namespace bookshop has istio-injection=None, not enabled" in stale.errors
    assert besides_bookkeeping(audit.writes(resail.bed.audit()[begun:], "resail"), "istio-system") == []

    patch(resail, "/api/v1/namespaces/bookshop", {"metadata": {"labels": {"istio-injection": "enabled", "istio.io/rev": None}}})
    assert resail.apply()["state"] == "done"


def test_a_release_that_someone_rolled_back_makes_the_plan_stale(resail: Resail) -> None:
    resail.make_plan()
    helm = ensure(("helm",), print)["helm"]
    command: list[str | Path] = [helm, "--kubeconfig", resail.bed.kubeconfig_of("deployer"), "-n", "istio-system"]
    subprocess.run([*command, "rollback", "cni", "1"], check=True, capture_output=True)
    begun = len(resail.bed.audit())

    stale = resail("apply", resail.plan, "--dir", resail.state, code=4)

    assert "Helm release istio-system/cni is at revision 2, not 1" in stale.errors
    assert besides_bookkeeping(audit.writes(resail.bed.audit()[begun:], "resail"), "istio-system") == []


def test_bad_input_changes_nothing(resail: Resail) -> None:
    tab = resail.plan.with_name("tab.yaml")
    tab.write_text("pilot:\n\tcni: true\n")
    broken = resail.plan.with_name("kubeconfig")
    broken.write_text("clusters: [\n")
    mirror = resail.plan.with_name("mirror")
    base = mirror / "istio-1.26.99" / "manifests" / "charts" / "base"
    base.mkdir(parents=True)
    (base / "Chart.yaml").write_text("name: base\nversion: 1.26.99\n")
    begun = len(resail.bed.audit())

    assert "tab" in resail("plan", "--to", "1.26.0", "-f", tab, code=2).errors
    resail("plan", "--to", "1.26.0", "--kubeconfig", broken, code=8)
    resail("plan", "--to", "1.26.99", code=9)
    resail("plan", "--to", "2.0.0", code=9)
    resail("plan", "--to", "1.25.0", code=3)
    assert "values.yaml is missing" in resail("plan", "--to", "1.26.99", "--release-dir", mirror, code=9).errors
    resail("plan", "--to", "1.26.0", "--context", "nobody", code=8)
    resail.make_plan()
    data = resail.plan.read_bytes()
    resail.plan.write_bytes(data[: len(data) // 2])
    resail("apply", resail.plan, code=9)

    assert audit.writes(resail.bed.audit()[begun:], "resail") == []
