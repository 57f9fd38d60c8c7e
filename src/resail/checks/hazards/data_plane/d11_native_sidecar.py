"""D11: the sidecar becomes a restartable init container, and other webhooks look for it among the containers."""

from collections.abc import Iterator
from typing import Any

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.mesh import holds_back
from resail.checks.requirements.kubernetes import kubernetes_minor
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_FLAG = "ENABLE_NATIVE_SIDECARS"
_OLDEST = 33
"""Minor of the kubelets from which on istiod injects it so: ``pkg/kube/inject/webhook.go`` of 1.27."""

_HAZARD = Hazard(
    id="D11",
    title="The sidecar becomes a restartable init container, where others do not look for it",
    proof="provable",
    severity="warning",
    installed="<1.27.0",
    target=">=1.27.0",
    modes=("sidecar",),
    detection=f"Every kubelet is of 1.33 or newer, {_FLAG} is not set, namespaces have sidecars, and a webhook that is not "
    "Istio's changes pods.",
    effect="A patch that looks for istio-proxy among the containers misses it, or takes its restart policy away: pods then hang.",
    fix=f"set {_FLAG} or the pods' annotation sidecar.istio.io/nativeSidecar to false, mend that webhook, then opt in",
    gates=("G6",),
    undo=("U3", "U9"),
    sources=(
        "https://github.com/istio/istio/blob/1.27.0/pkg/kube/inject/webhook.go",
        "https://github.com/istio/istio/blob/1.27.0/releasenotes/notes/native-sidecar-default.yaml",
        "https://github.com/kubeflow/community-distribution/issues/3057",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    nodes = case.snapshot.cluster.nodes
    if not nodes or any(kubernetes_minor(node.kubelet_version) < _OLDEST for node in nodes) or holds_back(case, "1.26", _FLAG):
        return
    injected = {one.ref.namespace for one in case.snapshot.workloads if any(pod.proxy_version for pod in one.pods)}
    excluded = {one["metadata"].get("name", "") for one in case.all("Namespace") if not _may_reach(one)}
    if not injected - excluded:
        return
    for hook in case.all("MutatingWebhookConfiguration.admissionregistration.k8s.io"):
        if not _is_istios(hook):
            for entry in find(hook, "webhooks[*]"):
                rule = next((rule for rule in find(entry.value, "rules[*]") if _changes_pods(rule.value)), None)
                if rule is not None:
                    message = f"it changes pods, in which {case.target} puts istio-proxy among the init containers"
                    yield Sign((Seen(hook, f"{entry.path}.{rule.path}"),), message)


def _may_reach(namespace: Manifest) -> bool:
    return bool(first(namespace, "metadata.labels.istio-injection") != "disabled")


def _is_istios(hook: Manifest) -> bool:
    labels = hook["metadata"].get("labels")
    return isinstance(labels, dict) and ("istio.io/rev" in labels or labels.get("app") in ("sidecar-injector", "istiod"))


def _changes_pods(rule: Any) -> bool:
    resources = [field.value for field in find(rule, "resources[*]")]
    operations = [field.value for field in find(rule, "operations[*]")]
    groups = [field.value for field in find(rule, "apiGroups[*]")]
    return (
        any(one in ("pods", "*", "*/*", "pods/*") for one in resources)
        and any(one in ("CREATE", "*") for one in operations)
        and any(one in ("", "*") for one in groups)
    )


RULE = Rule(_HAZARD, _find)
