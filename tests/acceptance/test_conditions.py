"""What must hold before something is written, on a mesh that resail did not install: images, the root, an unused old revision."""

import base64
from typing import Any

import pytest

from resail.plan.file import read_plan
from resail.testbed import audit
from tests.acceptance.conftest import TO, Resail
from tests.acceptance.exemptions import ANOTHER_RUN
from tests.acceptance.judge import unexplained
from tests.acceptance.world import differences, kinds_of, world
from tests.checks.roots import OTHER_ROOT
from tests.registry.stand_in import Image, RegistryStandIn, registry

pytestmark = pytest.mark.bed

SYSTEM = "/api/v1/namespaces/istio-system"
BOTH = ("amd64", "arm64")
NAMES = ("pilot", "proxyv2", "install-cni")


def post(resail: Resail, path: str, body: Any) -> None:
    resail.bed.api("POST", path, json=body).raise_for_status()


def writes(resail: Resail, begun: int) -> list[audit.Event]:
    return audit.writes(resail.bed.audit()[begun:], "resail")


def test_the_old_revision_goes_once_nothing_is_connected_to_it_and_comes_back(resail: Resail) -> None:
    post(
        resail,
        "/api/v1/namespaces/bookshop/pods",
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "by-hand"},
            "spec": {"containers": [{"name": "app", "image": "registry.example.com/app:1"}]},
        },
    )
    before = world(resail.bed)
    begun = len(resail.bed.audit())
    resail.make_plan("--remove-old", "--soak", "3s", "--on-failure", "rollback")
    plan = read_plan(resail.plan).plan
    assert {"check-skipped", "old-revision-in-use"} <= {finding.id for finding in plan.findings}

    record = resail.apply(code=5)
    assert "1 pods of bookshop/Pod/by-hand have its sidecar" in record["detail"]
    assert {finding["id"] for finding in record["findings"]} >= {"check-skipped", "old-revision-in-use"}
    assert "istio-system/Deployment/istiod" in world(resail.bed)

    resail.bed.api("DELETE", "/api/v1/namespaces/bookshop/pods/by-hand").raise_for_status()
    record = resail.resume()
    assert record["state"] == "done"
    assert "istio-system/Deployment/istiod" not in world(resail.bed)
    assert resail("verify", "-o", "json").json["verdict"] == "ready"
    # One istiod: the next plan needs not be told which.
    assert "several revisions" not in resail("plan", "--to", TO, code=3).errors

    assert resail.rollback_as_foreseen()["state"] == "rolled-back"
    assert differences(before, world(resail.bed), also_exempt=ANOTHER_RUN) == []
    assert unexplained(writes(resail, begun), read_plan(resail.plan), kinds_of(resail.bed), undone=True) == []


def test_another_root_stops_the_run_before_anything_restarts(resail: Resail) -> None:
    resail.make_plan("--approve-restarts")
    record = resail.apply(code=5)
    waiting = next(step["id"] for step in record["steps"] if step["kind"] == "Approve")
    begun = len(resail.bed.audit())
    # Somebody plugs in an authority of their own: the next istiod that starts signs with it.
    data = {"root-cert.pem": base64.b64encode(OTHER_ROOT.encode()).decode()}
    post(resail, f"{SYSTEM}/secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cacerts"}, "data": data})

    stale = resail("resume", "--dir", resail.state, "--approve", waiting, code=4)
    assert "istio-system/Secret/cacerts data[root-cert.pem] signs with sha256" in stale.errors
    assert "and the workloads trust sha256" in stale.errors
    assert audit.restarts(resail.bed.audit()[begun:], "resail") == []
    assert "ca-root-differs" in resail("plan", "--to", TO, "--from-revision", "default", "--revision", "other", code=3).errors

    resail.bed.api("DELETE", f"{SYSTEM}/secrets/cacerts").raise_for_status()
    assert resail.resume("--approve", waiting)["state"] == "done"


def complaints(resail: Resail) -> set[str]:
    ids = {"image-missing", "image-lacks-architecture", "image-pull-secret-missing", "image-not-checked"}
    return ids & {finding.id for finding in read_plan(resail.plan).plan.findings}


def images(architectures: tuple[str, ...] = BOTH, login: str = "") -> dict[str, Image]:
    return {f"istio/{name}:{TO}": Image(architectures, login=login) for name in NAMES}


def make_plan(resail: Resail, server: RegistryStandIn, *options: str, code: int = 0) -> str:
    resail.asks_registries = True
    hub = f"global.hub={server.host}/istio"
    done = resail("plan", "--to", TO, "--strategy", "in-place", "--set", hub, "--out", resail.plan, *options, code=code)
    return done.errors


def test_images_are_there_for_each_architecture_or_nothing_is_written(resail: Resail) -> None:
    node = {"status": {"nodeInfo": {"architecture": "arm64"}}}
    merge = {"Content-Type": "application/merge-patch+json"}
    resail.bed.api("PATCH", "/api/v1/nodes/node-b/status", json=node, headers=merge).raise_for_status()
    begun = len(resail.bed.audit())
    with registry(images(), "bearer") as server:
        make_plan(resail, server)
        assert complaints(resail) == set()
        assert server.asked[f"/v2/istio/proxyv2/manifests/{TO}"] > 0

        # Between the plan and its turn an index is taken for one of its images.
        server.images[f"istio/proxyv2:{TO}"] = Image(("amd64",))
        refused = resail("apply", resail.plan, "--dir", resail.state, code=3)
        assert "image-lacks-architecture" in refused.errors
        assert "is not there for arm64" in refused.errors
        del server.images[f"istio/pilot:{TO}"]
        assert f"the image {server.host}/istio/pilot:{TO} does not exist" in make_plan(resail, server, code=3)
        assert resail("status", "--dir", resail.state, code=2).errors

        server.images = images(login="puller:hush")
        secrets = ("--set", "global.imagePullSecrets={regcred}")
        told = make_plan(resail, server, *secrets, code=3)
        assert "namespace bookshop lacks the pull secret regcred" in told
        config = base64.b64encode(f'{{"auths":{{"{server.host}":{{"username":"puller","password":"hush"}}}}}}'.encode()).decode()
        for namespace in ("istio-system", "bookshop", "edge"):
            secret = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "regcred"},
                "type": "kubernetes.io/dockerconfigjson",
                "data": {".dockerconfigjson": config},
            }
            post(resail, f"/api/v1/namespaces/{namespace}/secrets", secret)
        told = make_plan(resail, server, *secrets)
        assert "puller:hush" in server.logins
        assert complaints(resail) == set()
        assert b"hush" not in resail.plan.read_bytes()
        assert "hush" not in told
    assert writes(resail, begun) == []
