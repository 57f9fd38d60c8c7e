"""What stops a run, and what it leaves."""

import subprocess
import time
from typing import Any

import pytest

from resail.testbed import audit
from resail.testbed.binaries import ensure
from tests.acceptance.conftest import Resail
from tests.acceptance.world import differences, world

pytestmark = pytest.mark.bed

DEPLOYMENTS = "/apis/apps/v1/namespaces/bookshop/deployments"
MERGE = {"Content-Type": "application/merge-patch+json"}


def patch(resail: Resail, path: str, body: dict[str, Any]) -> None:
    resail.bed.api("PATCH", path, json=body, headers=MERGE).raise_for_status()


def break_ratings(resail: Resail) -> None:
    """From its next rollout on the workload never gets ready; that rollout is not set off by this."""
    never = {"testbed.resail.dev/never-ready": "true"}
    patch(
        resail,
        f"{DEPLOYMENTS}/ratings",
        {"spec": {"paused": True, "template": {"metadata": {"annotations": never}}}},
    )


@pytest.mark.parametrize(("on_failure", "code", "state"), [("halt", 5, "halted"), ("rollback", 6, "rolled-back")])
def test_a_workload_that_never_gets_ready(resail: Resail, on_failure: str, code: int, state: str) -> None:
    surge = {"strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}, "progressDeadlineSeconds": 4}
    patch(resail, f"{DEPLOYMENTS}/ratings", {"spec": surge})
    before = world(resail.bed)
    resail.make_plan("--on-failure", on_failure)
    # The new pods wait for a node that is not there; the old ones go on.
    away = {"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": "nowhere"}}}, "paused": True}}
    patch(resail, f"{DEPLOYMENTS}/ratings", away)
    patch(resail, f"{DEPLOYMENTS}/ratings", {"spec": {"paused": False}})

    record = resail.apply(code=code)

    assert record["state"] == state
    failed = [step for step in record["steps"] if step["kind"] == "RestartWave"]
    assert any("ratings" in step["detail"] or step["outcome"] in ("failed", "undone", "undo-failed") for step in failed)
    if on_failure == "rollback":
        told = [line for line in differences(before, world(resail.bed)) if "bookshop/Deployment/ratings" not in line]
        assert told == []
    else:
        back = {"spec": {"template": {"spec": {"nodeSelector": None}}}}
        patch(resail, f"{DEPLOYMENTS}/ratings", back)
        assert resail.resume()["state"] == "done"


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
    assert audit.writes(resail.bed.audit()[begun:], "resail") == []
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
    programs = ensure(("helm",), print)
    labels = {"metadata": {"labels": {"istio-injection": None, "istio.io/rev": "default"}}}
    patch(resail, "/api/v1/namespaces/bookshop", labels)
    begun = len(resail.bed.audit())
    stale = resail("apply", resail.plan, "--dir", resail.state, code=4)
    assert "namespace bookshop has istio-injection=None, not enabled" in stale.errors
    assert audit.writes(resail.bed.audit()[begun:], "resail") == []

    patch(resail, "/api/v1/namespaces/bookshop", {"metadata": {"labels": {"istio-injection": "enabled", "istio.io/rev": None}}})
    resail("abort", "--dir", resail.state)
    assert resail.apply()["state"] == "done"

    # Someone rolls a release back by hand: the next plan made before it is stale too.
    subprocess.run(
        [programs["helm"], "--kubeconfig", resail.bed.kubeconfig_of("deployer"), "-n", "istio-system", "history", "base"],
        check=True,
        capture_output=True,
    )


def test_bad_input_changes_nothing(resail: Resail) -> None:
    tab = resail.plan.with_name("tab.yaml")
    tab.write_text("pilot:\n\tcni: true\n")
    broken = resail.plan.with_name("kubeconfig")
    broken.write_text("clusters: [\n")
    charts = resail.plan.with_name("releases") / "istio-1.26.0" / "manifests" / "charts" / "base"
    charts.mkdir(parents=True)
    begun = len(resail.bed.audit())

    assert "tab" in resail("plan", "--to", "1.26.0", "-f", tab, code=2).errors
    resail("plan", "--to", "1.26.0", "--kubeconfig", broken, code=8)
    resail("plan", "--to", "1.26.99", code=9)
    resail("plan", "--to", "1.28.0", code=3)
    resail("plan", "--to", "1.25.0", code=3)
    resail("plan", "--to", "1.26.0", "--release-dir", charts.parents[3], code=0)
    resail.make_plan()
    data = resail.plan.read_bytes()
    resail.plan.write_bytes(data[: len(data) // 2])
    resail("apply", resail.plan, code=9)

    assert audit.writes(resail.bed.audit()[begun:], "resail") == []
