"""Twelve ways to break the foreign mesh on a bed, each undone when its context ends; past resail, as the user ``observer``."""

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from resail.models.identity import IstioVersion
from resail.releases.store import default_store
from resail.testbed.bed import Bed
from resail.testbed.binaries import ensure
from resail.testbed.layout import ISTIOD_PREFIX
from tests.checks.roots import EXPIRED_ROOT
from tests.conftest import settle

__all__ = ["BREAKAGES", "Breakage"]

Breakage = Callable[[Bed], AbstractContextManager[None]]

_MERGE = {"content-type": "application/merge-patch+json"}
_STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}
_HOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_INJECTOR = f"{_HOOKS}/istio-sidecar-injector"
_ISTIOD = "/api/v1/namespaces/istio-system/services/istiod"
_BUDGET = "/apis/policy/v1/namespaces/bookshop/poddisruptionbudgets/reviews"
_NEVER_READY = "testbed.resail.dev/never-ready"


def istiod_crash_loops(bed: Bed) -> Iterator[None]:
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": "unknown flag: --no-such-flag"}}
    yield from _not_ready(
        bed, "istio-system", "istiod", "discovery", {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}, ended
    )


def istiod_out_of_memory(bed: Bed) -> Iterator[None]:
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    yield from _not_ready(bed, "istio-system", "istiod", "discovery", {"reason": "CrashLoopBackOff"}, ended)


def image_not_pulled(bed: Bed) -> Iterator[None]:
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image: manifest unknown"}
    yield from _not_ready(bed, "bookshop", "reviews", "istio-proxy", waiting, {})


def webhook_without_endpoints(bed: Bed) -> Iterator[None]:
    """A slip in the selector of istiod's Service."""
    _ask(bed, "PATCH", _ISTIOD, {"spec": {"selector": {"app": "istoid"}}})
    _until(lambda: not _endpoints(bed))
    yield
    _ask(bed, "PATCH", _ISTIOD, {"spec": {"selector": {"app": "istiod"}}})
    _until(lambda: bool(_endpoints(bed)))


def expired_ca_bundle(bed: Bed) -> Iterator[None]:
    """istiods that are held cannot put it right."""
    running = [json.loads(path.read_text())["pid"] for path in bed.layout.processes.glob(f"{ISTIOD_PREFIX}*.pid")]
    for pid in running:
        os.kill(pid, signal.SIGSTOP)
    before = _ask(bed, "GET", _INJECTOR)["webhooks"]
    expired = base64.b64encode(EXPIRED_ROOT.encode()).decode()
    hooks = [{**one, "clientConfig": {**one["clientConfig"], "caBundle": expired}} for one in before]
    _ask(bed, "PATCH", _INJECTOR, {"webhooks": hooks})
    yield
    _ask(bed, "PATCH", _INJECTOR, {"webhooks": before})
    for pid in running:
        os.kill(pid, signal.SIGCONT)


def tag_to_deleted_revision(bed: Bed) -> Iterator[None]:
    labels = {"app": "sidecar-injector", "istio.io/rev": "1-24-0", "istio.io/tag": "prod"}
    yield from _another_injector(bed, "istio-revision-tag-prod", labels, "istiod-1-24-0", {"istio.io/rev": "prod"})


def two_injectors(bed: Bed) -> Iterator[None]:
    """A former install left its injector, without labels that tell whose it was."""
    yield from _another_injector(bed, "istio-sidecar-injector-old", {}, "istiod", None)


def proxy_two_minors_behind(bed: Bed) -> Iterator[None]:
    yield from _image(bed, "ratings", "docker.io/istio/proxyv2:1.23.0")


def budget_blocks_drain(bed: Bed) -> Iterator[None]:
    _ask(bed, "PATCH", _BUDGET, {"spec": {"maxUnavailable": None, "minAvailable": 2}})
    _until(lambda: _ask(bed, "GET", _BUDGET)["status"]["disruptionsAllowed"] == 0)
    yield
    _ask(bed, "PATCH", _BUDGET, {"spec": {"maxUnavailable": 1, "minAvailable": None}})
    _until(lambda: _ask(bed, "GET", _BUDGET)["status"]["disruptionsAllowed"] == 1)


def removed_value(bed: Bed) -> Iterator[None]:
    """A variable that istiod read until 1.24, by default true."""
    given = ("--reuse-values", "--skip-schema-validation", "--set-string", "pilot.env.ENABLE_ENHANCED_RESOURCE_SCOPING=false")
    _helm(bed, "upgrade", "istiod", _release("1.25.1") / "charts" / "istiod", *given)
    _rolled_out(bed)
    yield
    _helm(bed, "rollback", "istiod", "1")
    _rolled_out(bed)


def older_crds(bed: Bed) -> Iterator[None]:
    _apply_crds(bed, "1.24.0")
    yield
    _apply_crds(bed, "1.25.1")


def _undone(course: Callable[[Bed], Iterator[None]]) -> Breakage:
    """Whatever the test comes to, the next one finds the mesh as it was."""

    @contextmanager
    def broken(bed: Bed) -> Iterator[None]:
        steps = course(bed)
        next(steps)
        try:
            yield
        finally:
            next(steps, None)

    return broken


_COURSES: dict[str, Callable[[Bed], Iterator[None]]] = {
    # First, also of two: it makes a new istiod, which would undo what was done to the one before.
    "removed-value": removed_value,
    "istiod-crash-loops": istiod_crash_loops,
    "istiod-out-of-memory": istiod_out_of_memory,
    "webhook-without-endpoints": webhook_without_endpoints,
    "ca-bundle-expired": expired_ca_bundle,
    "tag-to-deleted-revision": tag_to_deleted_revision,
    "two-injectors": two_injectors,
    "proxy-skew": proxy_two_minors_behind,
    "image-not-pulled": image_not_pulled,
    "budget-blocks-drain": budget_blocks_drain,
    "older-crd": older_crds,
}

BREAKAGES: dict[str, Breakage] = {name: _undone(course) for name, course in _COURSES.items()}
"""By the id of the diagnosis that names it; the twelfth is a run that dies half-way, which has no undo of this kind."""


def _not_ready(
    bed: Bed, namespace: str, app: str, container: str, waiting: dict[str, Any], ended: dict[str, Any]
) -> Iterator[None]:
    """A pod whose container does not run; KWOK makes it ready again as soon as it may."""
    pod = _pods(bed, namespace, app)[0]
    name = pod["metadata"]["name"]
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    _ask(bed, "PATCH", path, {"metadata": {"annotations": {_NEVER_READY: "true"}}})
    ill = {"ready": False, "started": False, "restartCount": 7, "state": {"waiting": waiting}, "lastState": ended}
    statuses = [{**one, **ill} if one["name"] == container else one for one in pod["status"]["containerStatuses"]]
    conditions = [
        {**one, "status": "False", "reason": "ContainersNotReady"} if one["type"] in ("Ready", "ContainersReady") else one
        for one in pod["status"]["conditions"]
    ]
    _ask(bed, "PATCH", f"{path}/status", {"status": {"containerStatuses": statuses, "conditions": conditions}})
    event = {
        "metadata": {"name": f"{name}.ill", "namespace": namespace},
        "type": "Warning",
        "reason": "BackOff",
        "message": f"Back-off restarting failed container {container}",
        "involvedObject": {"kind": "Pod", "namespace": namespace, "name": name},
    }
    _ask(bed, "POST", f"/api/v1/namespaces/{namespace}/events", event)
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/{app}"
    _until(lambda: _ask(bed, "GET", deployment)["status"].get("unavailableReplicas") == 1)
    yield
    _ask(bed, "DELETE", f"/api/v1/namespaces/{namespace}/events/{name}.ill")
    _ask(bed, "PATCH", path, {"metadata": {"annotations": {_NEVER_READY: None}}})
    _until(lambda: not _ask(bed, "GET", deployment)["status"].get("unavailableReplicas"))
    settle(bed)


def _another_injector(
    bed: Bed, name: str, labels: dict[str, str], service: str, namespaces: dict[str, str] | None
) -> Iterator[None]:
    """A copy of the injector.

    Args:
        bed: where it is made.
        name: of it.
        labels: of it.
        service: that it calls.
        namespaces: labels of those whose pods it takes; None: the same as the injector.
    """
    hooks = _ask(bed, "GET", _INJECTOR)["webhooks"]
    for hook in hooks:
        hook["clientConfig"]["service"]["name"] = service
        if namespaces is not None:
            hook["namespaceSelector"] = {"matchLabels": namespaces}
    _ask(bed, "POST", _HOOKS, {"metadata": {"name": name, "labels": labels}, "webhooks": hooks})
    yield
    _ask(bed, "DELETE", f"{_HOOKS}/{name}")


def _image(bed: Bed, app: str, image: str) -> Iterator[None]:
    pod = _pods(bed, "bookshop", app)[0]
    path = f"/api/v1/namespaces/bookshop/pods/{pod['metadata']['name']}"
    kind, before = next(
        (kind, one["image"])
        for kind in ("containers", "initContainers")
        for one in pod["spec"].get(kind) or ()
        if one["name"] == "istio-proxy"
    )
    _ask(bed, "PATCH", path, {"spec": {kind: [{"name": "istio-proxy", "image": image}]}}, _STRATEGIC)
    yield
    _ask(bed, "PATCH", path, {"spec": {kind: [{"name": "istio-proxy", "image": before}]}}, _STRATEGIC)


def _rolled_out(bed: Bed) -> None:
    _run(bed, "kubectl", "rollout", "status", "deployment/istiod", "-n", "istio-system", "--timeout=90s")
    _until(lambda: len(_pods(bed, "istio-system", "istiod")) == 1)
    settle(bed)


def _pods(bed: Bed, namespace: str, app: str) -> list[dict[str, Any]]:
    found = _ask(bed, "GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector=app={app}")["items"]
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def _endpoints(bed: Bed) -> list[Any]:
    slices = _ask(
        bed,
        "GET",
        "/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices?labelSelector=kubernetes.io/service-name=istiod",
    )["items"]
    return [one for found in slices for one in found["endpoints"] or () if one["conditions"].get("ready")]


def _ask(bed: Bed, method: str, path: str, body: Any = None, headers: dict[str, str] = _MERGE) -> Any:
    arguments: dict[str, Any] = {} if body is None else {"json": body}
    if method == "PATCH":
        arguments["headers"] = headers
    answer = bed.api(method, path, **arguments)
    assert answer.is_success, answer.text
    return answer.json()


def _until(condition: Callable[[], bool]) -> None:
    """Controllers need their time."""
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _release(version: str) -> Path:
    return Path(default_store().get(IstioVersion.parse(version), print).directory)


def _helm(bed: Bed, *arguments: str | Path) -> None:
    _run(bed, "helm", *arguments, "--namespace", "istio-system", "--force-conflicts")


def _apply_crds(bed: Bed, version: str) -> None:
    crds = _release(version) / "charts" / "base" / "files" / "crd-all.gen.yaml"
    _run(bed, "kubectl", "apply", "--server-side", "--force-conflicts", "-f", crds)


def _run(bed: Bed, program: str, *arguments: str | Path) -> None:
    command: list[str | Path] = [ensure((program,), print)[program], "--kubeconfig", bed.kubeconfig_of("deployer"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
