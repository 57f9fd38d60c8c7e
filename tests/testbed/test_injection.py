"""Real istiods answer the API server's webhooks, with the charts and the webhooks as they are."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest

from resail.models.identity import IstioVersion
from resail.releases.store import default_store
from resail.testbed.bed import Bed, Istiod
from resail.testbed.binaries import ensure
from tests.conftest import EMPTY
from tests.testbed.asking import create, create_node, eventually, merge

pytestmark = pytest.mark.bed

SYSTEM = "istio-system"
OLD, NEW = "1.26.0", "1.27.9"
INSTALLED = "two-istiods"
ISTIODS = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments"
MUTATING = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


def helm(bed: Bed, version: str, release: str, chart: str, *values: str) -> None:
    """As the user ``deployer``, from the charts of a release."""
    program = ensure(["helm"], print)["helm"]
    charts = Path(default_store().get(IstioVersion.parse(version), print).directory) / "charts"
    sets = [part for value in values for part in ("--set", value)]
    command: list[str | Path] = [
        program,
        "upgrade",
        "--install",
        release,
        charts / chart,
        "--namespace",
        SYSTEM,
        "--create-namespace",
        *sets,
    ]
    environment = {**os.environ, "KUBECONFIG": str(bed.kubeconfig_of("deployer"))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def _installed(session_bed: Bed) -> Bed:
    session_bed.reset(EMPTY)
    create_node(session_bed)
    helm(session_bed, OLD, "istio-base", "base", "defaultRevision=default")
    helm(session_bed, OLD, "istiod", "istiod")
    helm(session_bed, NEW, "istiod-1-27-9", "istiod", "revision=1-27-9")
    create(session_bed, "/api/v1/namespaces", {"metadata": {"name": "by-injection", "labels": {"istio-injection": "enabled"}}})
    create(session_bed, "/api/v1/namespaces", {"metadata": {"name": "by-revision", "labels": {"istio.io/rev": "1-27-9"}}})
    create(session_bed, "/api/v1/namespaces", {"metadata": {"name": "outside"}})
    eventually(lambda: versions(session_bed) == {"default": OLD, "1-27-9": NEW})
    eventually(lambda: fail_closed(session_bed))
    session_bed.save(INSTALLED)
    return session_bed


@pytest.fixture
def istio(_installed: Bed) -> Bed:
    """An istiod 1.26.0 without a revision and one of revision 1-27-9, both ready, for a test that leaves it as it is."""
    return _installed


@pytest.fixture
def spoilt_istio(_installed: Bed) -> Iterator[Bed]:
    """The same, for a test that does not."""
    yield _installed
    _installed.reset(INSTALLED)


def versions(bed: Bed) -> dict[str, str]:
    return {istiod.revision: istiod.version for istiod in bed.istiods()}


def fail_closed(bed: Bed) -> bool:
    """istiod makes its validators so once it has seen itself refuse something bad."""
    hooks = bed.api("GET", VALIDATING).json()["items"]
    return bool(hooks) and all(entry["failurePolicy"] == "Fail" for hook in hooks for entry in hook["webhooks"])


def dry_run(bed: Bed, namespace: str, labels: dict[str, str] | None = None) -> httpx2.Response:
    pod = {
        "metadata": {"name": "probe", "labels": labels or {}},
        "spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]},
    }
    return bed.api("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", json=pod)


def sidecars(bed: Bed, namespace: str, labels: dict[str, str] | None = None) -> list[str]:
    answer = dry_run(bed, namespace, labels)
    assert answer.status_code == 201, answer.text
    spec = answer.json()["spec"]
    containers = [*spec["containers"], *spec.get("initContainers", [])]
    return [one["image"] for one in containers if one["name"] == "istio-proxy"]


@pytest.mark.parametrize(
    ("namespace", "labels", "expected"),
    [
        ("by-injection", {}, [f"docker.io/istio/proxyv2:{OLD}"]),
        ("by-revision", {}, [f"docker.io/istio/proxyv2:{NEW}"]),
        ("by-revision", {"sidecar.istio.io/inject": "false"}, []),
        ("outside", {}, []),
        ("outside", {"istio.io/rev": "1-27-9"}, [f"docker.io/istio/proxyv2:{NEW}"]),
    ],
)
def test_the_istiod_that_is_meant_injects(istio: Bed, namespace: str, labels: dict[str, str], expected: list[str]) -> None:
    assert sidecars(istio, namespace, labels) == expected


def test_each_istiod_says_its_own_version(istio: Bed) -> None:
    for istiod in istio.istiods():
        assert httpx2.get(f"{istiod.monitoring}/version").text.startswith(istiod.version)


def test_an_invalid_object_is_refused_by_the_validator(istio: Bed) -> None:
    path = "/apis/networking.istio.io/v1/namespaces/by-injection/virtualservices?dryRun=All"
    route = {"route": [{"destination": {"host": "a"}, "weight": -1}]}
    kind = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
    answer = istio.api("POST", path, json={**kind, "metadata": {"name": "bad"}, "spec": {"hosts": ["a"], "http": [route]}})
    assert answer.status_code == 400, answer.text
    assert "admission webhook" in answer.json()["message"]


def test_the_webhooks_are_as_the_charts_have_them(istio: Bed) -> None:
    hooks = [hook for path in (MUTATING, VALIDATING) for hook in istio.api("GET", path).json()["items"]]
    assert len(hooks) >= 3
    for entry in (entry for hook in hooks for entry in hook["webhooks"]):
        assert "url" not in entry["clientConfig"]
        assert entry["clientConfig"]["service"]["namespace"] == SYSTEM
        assert entry["clientConfig"]["caBundle"]


def test_istiod_is_known_as_the_field_manager_that_it_is(istio: Bed) -> None:
    hook = istio.api("GET", f"{MUTATING}/istio-sidecar-injector").json()
    assert "pilot-discovery" in {entry["manager"] for entry in hook["metadata"]["managedFields"]}


def test_an_istiod_ends_with_its_pod_and_comes_back_with_the_next(spoilt_istio: Bed) -> None:
    bed = spoilt_istio
    before = {istiod.revision: istiod for istiod in bed.istiods()}
    merge(bed, f"{ISTIODS}/istiod-1-27-9", {"spec": {"replicas": 0}})
    eventually(lambda: versions(bed) == {"default": OLD})
    eventually(lambda: not _answers(before["1-27-9"]))
    assert dry_run(bed, "by-revision").status_code == 500
    assert sidecars(bed, "by-injection") == [f"docker.io/istio/proxyv2:{OLD}"]
    merge(bed, f"{ISTIODS}/istiod-1-27-9", {"spec": {"replicas": 1}})
    eventually(lambda: versions(bed) == {"default": OLD, "1-27-9": NEW})
    assert sidecars(bed, "by-revision") == [f"docker.io/istio/proxyv2:{NEW}"]


def test_calls_wait_for_an_istiod_that_is_about_to_answer(spoilt_istio: Bed) -> None:
    """In place, the pods of the new version are ready at once, sooner than its process."""
    bed = spoilt_istio
    template = {"spec": {"containers": [{"name": "discovery", "image": f"docker.io/istio/pilot:{NEW}"}]}}
    answer = bed.api(
        "PATCH",
        f"{ISTIODS}/istiod",
        json={"spec": {"template": template}},
        headers={"Content-Type": "application/strategic-merge-patch+json"},
    )
    assert answer.is_success, answer.text
    refused = []
    while versions(bed).get("default") != NEW:
        asked = dry_run(bed, "by-injection")
        if asked.status_code != 201:
            refused.append(asked.text)
    assert refused == []


def test_an_istiod_that_is_killed_is_started_again(spoilt_istio: Bed) -> None:
    victim = next(istiod for istiod in spoilt_istio.istiods() if istiod.revision == "default")
    os.kill(_pid_of(spoilt_istio, victim), signal.SIGKILL)
    eventually(lambda: not _answers(victim))
    eventually(lambda: _answers(victim))
    assert sidecars(spoilt_istio, "by-injection") == [f"docker.io/istio/proxyv2:{OLD}"]


def test_reset_brings_the_istiods_back(spoilt_istio: Bed) -> None:
    bed = spoilt_istio
    ports = {istiod.http for istiod in bed.istiods()}
    assert bed.api("DELETE", f"{ISTIODS}/istiod").is_success
    assert bed.api("DELETE", f"{MUTATING}/istio-sidecar-injector").is_success
    bed.reset(INSTALLED)
    assert versions(bed) == {"default": OLD, "1-27-9": NEW}
    assert ports.isdisjoint({istiod.http for istiod in bed.istiods()})
    assert sidecars(bed, "by-injection") == [f"docker.io/istio/proxyv2:{OLD}"]


def test_stop_ends_the_istiods_of_a_supervisor_that_was_killed(spoilt_istio: Bed) -> None:
    bed = spoilt_istio
    istiods = bed.istiods()
    assert len(istiods) == 2
    os.kill(_pid(bed, "supervisor"), signal.SIGKILL)
    eventually(lambda: not bed.programs["supervisor"])
    assert all(_answers(istiod) for istiod in istiods)
    bed.stop()
    assert not any(_answers(istiod) for istiod in istiods)
    assert bed.istiods() == []


def _answers(istiod: Istiod) -> bool:
    try:
        return httpx2.get(f"{istiod.http}/ready", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False


def _pid_of(bed: Bed, istiod: Istiod) -> int:
    return _pid(bed, f"istiod-{istiod.pod.replace('/', '-')}")


def _pid(bed: Bed, name: str) -> int:
    return int(msgspec.json.decode((bed.layout.processes / f"{name}.pid").read_bytes())["pid"])
