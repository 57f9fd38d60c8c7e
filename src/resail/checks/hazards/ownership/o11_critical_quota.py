"""O11: GKE takes pods of priority system-node-critical only where a quota for them is."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.ownership.rendered import rendered_parts
from resail.models.field_path import find, first
from resail.models.identity import Manifest, ObjectRef
from resail.models.quantities import parse_quantity

__all__ = ["RULE"]

_PRIORITY = "system-node-critical"
_PATH = "spec.template.spec.priorityClassName"
_GKE = ("metadata.labels.cloud.google.com/gke-nodepool", "metadata.labels.cloud.google.com/gke-os-distribution")

_HAZARD = Hazard(
    id="O11",
    title="GKE refuses node-critical pods for lack of a quota",
    proof="provable",
    severity="blocker",
    detection=(
        "The nodes are GKE's, a DaemonSet of CNI or ztunnel will run outside kube-system with priority system-node-critical, "
        "and its namespace has no quota of that priority with room for all nodes."
    ),
    effect="No CNI or ztunnel pod can be made once the old ones are gone.",
    fix="set global.platform to gke (from 1.26 on), or make a ResourceQuota for system-node-critical first",
    gates=("G2", "G5"),
    undo=("U1",),
    sources=(
        "https://github.com/istio/istio/issues/56376",
        "https://github.com/istio/istio.io/pull/16660",
        "https://cloud.google.com/kubernetes-engine/quotas",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    nodes = case.all("Node")
    marks = [Seen(node, label) for node in nodes for label in _GKE if first(node, label) is not None]
    if not marks:
        return
    for part in rendered_parts(case, "cni", "ztunnel"):
        quotas = [*case.all("ResourceQuota"), *(one for one in part.target if one["kind"] == "ResourceQuota")]
        for daemons in part.target:
            namespace = first(daemons, "metadata.namespace")
            critical = daemons["kind"] == "DaemonSet" and first(daemons, _PATH) == _PRIORITY and namespace != "kube-system"
            if critical and not any(_admits(one, namespace, len(nodes)) for one in quotas):
                told = f"GKE makes no pod of {ObjectRef.of(daemons)}: namespace {namespace} has no quota of {_PRIORITY}"
                yield Sign((marks[0], Seen(daemons, _PATH)), f"{told} for {len(nodes)} pods")


def _admits(quota: Manifest, namespace: object, pods: int) -> bool:
    hard = first(quota, "spec.hard.pods")
    return (
        first(quota, "metadata.namespace") == namespace
        and any(_names_priority(one.value) for one in find(quota, "spec.scopeSelector.matchExpressions[*]"))
        and (hard is None or parse_quantity(str(hard)) >= pods)
    )


def _names_priority(scope: object) -> bool:
    values = [one.value for one in find(scope, "values[*]")]
    named = first(scope, "operator") == "Exists" or (first(scope, "operator") == "In" and _PRIORITY in values)
    return first(scope, "scopeName") == "PriorityClass" and named


RULE = Rule(_HAZARD, _find)
