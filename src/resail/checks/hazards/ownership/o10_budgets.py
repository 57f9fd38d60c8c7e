"""O10: a budget lets no pod of istiod or of a gateway go, and nodes cannot be drained."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import first
from resail.models.identity import ObjectRef
from resail.models.plan import UpgradeZtunnel
from resail.models.snapshot import Workload

__all__ = ["RULE"]

_ALLOWED = "status.disruptionsAllowed"

_HAZARD = Hazard(
    id="O10",
    title="A budget holds up each drain of a node that has the only istiod or gateway pod",
    proof="provable",
    severity="warning",
    detection=(
        "A budget of istiod, a gateway or a waypoint allows no disruption, its workload has one replica, and the plan upgrades "
        "ztunnel, for which Istio recommends to cordon nodes and move their pods."
    ),
    effect="The drain hangs; forced, it takes the only pod down.",
    fix="scale to two replicas, or take the budget away for the window",
    gates=("G7",),
    undo=("U10",),
    sources=(
        "https://github.com/istio/istio/issues/12602",
        "https://github.com/istio/istio/blob/1.28.0/manifests/charts/istio-control/istio-discovery/templates/poddisruptionbudget.yaml",
        "https://istio.io/latest/docs/ambient/upgrade/helm/",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    single = {one.ref for one in case.snapshot.workloads if one.ref in _of_istio(case) and _is_single(one)}
    held = [one for one in case.snapshot.budgets if not one.disruptions_allowed and single & set(one.workloads)]
    if not held or not any(step["type"] == UpgradeZtunnel.__name__ for step in case.plan["steps"]):
        return
    manifests = {ObjectRef.of(one): one for one in case.all("PodDisruptionBudget.policy")}
    for budget in held:
        manifest = manifests.get(budget.ref)
        if manifest is not None and first(manifest, _ALLOWED) is not None:
            [workload, *_] = sorted(single & set(budget.workloads))
            told = f"a node with the only pod of {workload} cannot be drained for the upgrade of ztunnel"
            yield Sign((Seen(manifest, _ALLOWED),), told)


def _of_istio(case: Case) -> set[ObjectRef]:
    planes = {one.deployment for one in case.snapshot.control_planes}
    return planes | {one.workload for one in case.snapshot.components if one.role in ("gateway", "waypoint")}


def _is_single(workload: Workload) -> bool:
    """Of more replicas one may only be starting."""
    return workload.replicas == workload.ready == 1


RULE = Rule(_HAZARD, _find)
