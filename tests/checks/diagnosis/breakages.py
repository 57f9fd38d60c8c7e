"""Ways to break a mesh, by small edits of its objects; each with the diagnosis that names it.

The mesh must not be the demo's as it is: that one has a budget that lets no pod go (``checkout/ledger``).
"""

import base64
import copy
from collections.abc import Callable
from datetime import timedelta

import msgspec

from resail.installers.helm_records import encode_release
from resail.installers.helm_storage import decode_release
from resail.journal.copy_format import FORMAT, Head, head_object, log_object, packed
from resail.models.journal import Entry, EntryBody, RunStarted, StepIntent, StepOutcome
from tests.checks.diagnosis.mesh import NEW, NOW, OLD, Mesh, revision_in, unready
from tests.checks.roots import EXPIRED_ROOT

__all__ = ["BREAKAGES", "DIAGNOSES", "RUN"]

_SYSTEM = "istio-system"
RUN = "r-0badcafe"


def istiod_crash_loops(mesh: Mesh) -> None:
    """The new istiod; nothing answers behind its webhook then."""
    pod = mesh.edit("Pod", f"istiod-{NEW}", _SYSTEM)
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": "flag provided but not defined"}}
    unready(pod, {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}, ended)
    mesh.logs[pod["metadata"]["name"]] = "info\tinit\nError: unknown flag: --no-such-flag"
    _is_down(mesh, NEW)
    mesh.add(_event("Pod", pod["metadata"]["name"], "BackOff", "Back-off restarting failed container discovery"))


def istiod_out_of_memory(mesh: Mesh) -> None:
    """The old istiod."""
    pod = mesh.edit("Pod", f"istiod-{OLD}", _SYSTEM)
    pod["spec"]["containers"][0]["resources"]["limits"] = {"memory": "64Mi"}
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    unready(pod, {"waiting": {"reason": "CrashLoopBackOff"}}, ended)
    _is_down(mesh, OLD)


def webhook_without_endpoints(mesh: Mesh) -> None:
    """A slip in the selector of the new istiod's Service."""
    mesh.edit("Service", f"istiod-{NEW}", _SYSTEM)["spec"]["selector"] = {"app": "istoid", "istio.io/rev": NEW}
    mesh.edit("EndpointSlice", f"istiod-{NEW}", _SYSTEM)["endpoints"] = []


def expired_ca_bundle(mesh: Mesh) -> None:
    """Of the old revision's injector and its tags."""
    for hook in mesh.edit_all("MutatingWebhookConfiguration", lambda one: revision_in(one) == OLD):
        for entry in hook["webhooks"]:
            entry["clientConfig"]["caBundle"] = base64.b64encode(EXPIRED_ROOT.encode()).decode()


def tag_to_deleted_revision(mesh: Mesh) -> None:
    """As if an older revision was uninstalled and the tag stayed."""
    hook = mesh.edit("MutatingWebhookConfiguration", "istio-revision-tag-prod-stable")
    hook["metadata"]["labels"]["istio.io/rev"] = "1-25-1"
    for entry in hook["webhooks"]:
        entry["clientConfig"]["service"]["name"] = "istiod-1-25-1"


def two_injectors(mesh: Mesh) -> None:
    """A former install left its injector, without labels that tell whose it was."""
    hook = copy.deepcopy(mesh.edit("MutatingWebhookConfiguration", f"istio-sidecar-injector-{NEW}"))
    hook["metadata"] = {"name": "istio-sidecar-injector-old", "uid": "9"}
    mesh.add(hook)


def proxy_two_minors_behind(mesh: Mesh) -> None:
    """One that nobody restarted for two upgrades."""
    for container in mesh.edit("Pod", "picking", "warehouse")["spec"]["containers"]:
        if container["name"] == "istio-proxy":
            container["image"] = "docker.io/istio/proxyv2:1.25.1"


def image_not_pulled(mesh: Mesh) -> None:
    """A sidecar whose registry does not have it."""
    pod = mesh.edit("Pod", "web", "storefront")
    message = 'Back-off pulling image "registry.example.com/proxyv2:1.26.0"'
    unready(pod, {"waiting": {"reason": "ImagePullBackOff", "message": message}}, container="istio-proxy")
    for container in pod["spec"]["containers"]:
        if container["name"] == "istio-proxy":
            container["image"] = "registry.example.com/proxyv2:1.26.0"
    mesh.edit("Deployment", "web", "storefront")["status"]["readyReplicas"] = 2
    mesh.add(_event("Pod", pod["metadata"]["name"], "Failed", "manifest unknown", "storefront"))


def budget_blocks_drain(mesh: Mesh) -> None:
    """As many as there are."""
    budget = mesh.edit("PodDisruptionBudget", "payment", "checkout")
    budget["spec"]["minAvailable"] = 3
    budget["status"] |= {"desiredHealthy": 3, "disruptionsAllowed": 0}


def removed_value(mesh: Mesh) -> None:
    """Chart cni had it until 1.25; without it one node after the other is done."""
    secret = mesh.edit("Secret", "sh.helm.release.v1.istio-cni.v1", _SYSTEM)
    release = msgspec.structs.replace(decode_release(secret), values={"rollingMaxUnavailable": "50%"})
    secret["data"] = encode_release(release)["data"]


def older_crd(mesh: Mesh) -> None:
    """Without a field that came with 1.27."""
    definition = mesh.edit("CustomResourceDefinition", "destinationrules.networking.istio.io")
    for version in definition["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        del spec["trafficPolicy"]["properties"]["retryBudget"]


def dead_run(mesh: Mesh) -> None:
    """A run whose process is gone, in the middle of a step."""
    entries = _entries(
        RunStarted("sha256:0123", "/plans/0123.zip", "cluster"),
        StepIntent("crds-1", "do"),
        StepOutcome("crds-1", "do", "done"),
        StepIntent(f"install-istiod-{NEW}", "do"),
    )
    mesh.add(head_object(_SYSTEM, Head(FORMAT, RUN, 1, "sha256:0123", "sha256:4567", 1)), _versioned(entries))


def _entries(*bodies: EntryBody) -> list[Entry]:
    began = NOW - timedelta(minutes=30)
    return [Entry(number, RUN, began + timedelta(seconds=number), body) for number, body in enumerate(bodies, start=1)]


def _versioned(entries: list[Entry]) -> dict[str, object]:
    log = log_object(_SYSTEM, RUN, 0, packed(entries))
    return {**log, "metadata": {**log["metadata"], "resourceVersion": "1"}}


def _is_down(mesh: Mesh, revision: str) -> None:
    """What follows for the objects around it."""
    mesh.edit("Deployment", f"istiod-{revision}", _SYSTEM)["status"] |= {"readyReplicas": 0, "availableReplicas": 0}
    for endpoint in mesh.edit("EndpointSlice", f"istiod-{revision}", _SYSTEM)["endpoints"]:
        endpoint["conditions"] = {"ready": False, "serving": False, "terminating": False}
    budget = mesh.edit("PodDisruptionBudget", f"istiod-{revision}", _SYSTEM)
    budget["status"] |= {"currentHealthy": 0, "disruptionsAllowed": 0}


def _event(kind: str, name: str, reason: str, message: str, namespace: str = _SYSTEM) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.1", "namespace": namespace},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": kind, "namespace": namespace, "name": name},
        "lastTimestamp": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
    }


BREAKAGES: dict[str, Callable[[Mesh], None]] = {
    one.__name__: one
    for one in (
        istiod_crash_loops,
        istiod_out_of_memory,
        webhook_without_endpoints,
        expired_ca_bundle,
        tag_to_deleted_revision,
        two_injectors,
        proxy_two_minors_behind,
        image_not_pulled,
        budget_blocks_drain,
        removed_value,
        older_crd,
        dead_run,
    )
}

DIAGNOSES = {
    "istiod_crash_loops": "istiod-crash-loops",
    "istiod_out_of_memory": "istiod-out-of-memory",
    "webhook_without_endpoints": "webhook-without-endpoints",
    "expired_ca_bundle": "ca-bundle-expired",
    "tag_to_deleted_revision": "tag-to-deleted-revision",
    "two_injectors": "two-injectors",
    "proxy_two_minors_behind": "proxy-skew",
    "image_not_pulled": "image-not-pulled",
    "budget_blocks_drain": "budget-blocks-drain",
    "removed_value": "removed-value",
    "older_crd": "older-crd",
    "dead_run": "run-died-half-way",
}
"""Breakage → id of the diagnosis that names it."""
