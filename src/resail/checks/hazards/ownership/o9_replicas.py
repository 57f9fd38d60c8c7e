"""O9: the number of replicas leaves the manifest, and the workload falls to one pod."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.ownership.field_managers import OF_THE_RELEASE, field_managers
from resail.checks.hazards.ownership.rendered import live, named, rendered_parts
from resail.models.field_path import first
from resail.models.identity import ObjectRef

__all__ = ["RULE"]

_REPLICAS = "spec.replicas"
_APPLIERS = OF_THE_RELEASE | {"istio-operator", "istioctl"}

_HAZARD = Hazard(
    id="O9",
    title="A Deployment falls to one pod, since its replicas leave the manifest",
    proof="provable",
    severity="warning",
    methods=("helm", "istioctl"),
    detection="The manifest that was applied sets spec.replicas, the target's does not, and more than one pod is wanted now.",
    effect="The field goes back to 1: all pods but one stop, until an autoscaler wants them again.",
    fix="set replicaCount to the number that runs, in the same upgrade",
    gates=("G1", "G7"),
    undo=("U10",),
    sources=(
        "https://github.com/istio/istio/blob/1.19.0/releasenotes/notes/46121.yaml",
        "https://github.com/istio/istio/issues/41481",
        "https://github.com/helm/helm/issues/12486",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    for part in rendered_parts(case):
        for before in part.running:
            after = named(part.target, before) if before["kind"] == "Deployment" else None
            if after is None or first(before, _REPLICAS) is None or first(after, _REPLICAS) is not None:
                continue
            there = live(case, before)
            wanted = first(there, _REPLICAS)
            if there is None or not isinstance(wanted, int) or wanted < 2:
                continue
            # Server-side apply leaves a field that has another owner besides.
            server_side = part.method == "istioctl" or first(part.source, "applyMethod") == "ssa"
            if server_side and field_managers(there).get(_REPLICAS, frozenset()) - _APPLIERS:
                continue
            yield Sign.at(there, _REPLICAS, f"{ObjectRef.of(there)} would fall from {wanted} pods to 1")


RULE = Rule(_HAZARD, _find)
