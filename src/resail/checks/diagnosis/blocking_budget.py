"""A budget that lets no pod go, though all of its pods are well: a drain of their nodes never ends."""

from collections.abc import Iterator, Mapping
from typing import Any

from resail.checks.diagnosis.sign import Rule, Sign, at
from resail.checks.diagnosis.situation import Situation
from resail.checks.injection import in_mesh
from resail.models.diagnosis import Diagnosis
from resail.models.field_path import first
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import DisruptionBudget, Workload

__all__ = ["RULE"]

_ID = "budget-blocks-drain"


def _find(situation: Situation) -> Iterator[Sign]:
    manifests = {ObjectRef.of(one): one for one in situation.all("PodDisruptionBudget.policy")}
    everything = {one.ref: one for one in situation.snapshot.workloads}
    workloads = {ref: one for ref, one in everything.items() if _is_of_mesh(situation, one)}
    for budget in situation.snapshot.budgets:
        concerned = [workloads[ref] for ref in budget.workloads if ref in workloads]
        manifest = manifests.get(budget.ref)
        if (
            concerned
            and manifest is not None
            and _blocks(budget, manifest, everything)
            and not _is_istios_own(situation, budget, concerned)
        ):
            names = ", ".join(str(one.ref) for one in concerned)
            bound = f"minAvailable {budget.min_available}" if budget.min_available else f"maxUnavailable {budget.max_unavailable}"
            yield Sign(
                diagnosis=Diagnosis(
                    id=_ID,
                    certainty="certain",
                    cause=f"budget {budget.ref.namespace}/{budget.ref.name} lets no pod of {names} go: {bound}",
                    objects=(at(budget.ref, "status.disruptionsAllowed"), *(at(one.ref) for one in concerned)),
                    evidence=(
                        f"status: disruptionsAllowed 0, currentHealthy {budget.current_healthy}, "
                        f"desiredHealthy {budget.desired_healthy}, expectedPods {first(manifest, 'status.expectedPods')}",
                        f"spec: {bound}",
                    ),
                    effects=("a drain of a node with one of these pods does not end, nor does an eviction",),
                    undo=("let one pod go (`maxUnavailable: 1`), or scale to more replicas than the budget holds",),
                    source="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
                )
            )


def _blocks(budget: DisruptionBudget, manifest: Manifest, workloads: Mapping[ObjectRef, Workload]) -> bool:
    """All its pods are there and healthy: that none may go is its own doing.

    With a number in ``minAvailable`` the pods that are expected are those that there are, also while one is being replaced; so
    the workloads are asked how many they want.
    """
    expected = first(manifest, "status.expectedPods")
    if not isinstance(expected, int) or expected <= 0 or budget.disruptions_allowed:
        return False
    wanted = sum(workloads[ref].replicas for ref in budget.workloads if ref in workloads)
    return budget.current_healthy >= max(expected, wanted, budget.desired_healthy)


def _is_istios_own(situation: Situation, budget: DisruptionBudget, concerned: list[Workload]) -> bool:
    """Chart istiod makes one that holds its only pod; Istio ships it so, and `resail precheck` warns where a drain is due.

    Source: https://github.com/istio/istio/issues/12602
    """
    planes = {plane.deployment for plane in situation.snapshot.control_planes}
    if any(one.ref not in planes or one.replicas != 1 for one in concerned):
        return False
    shipped = [one for release in situation.snapshot.helm_releases for one in release.objects]
    shipped += [one for component in situation.snapshot.istioctl_components for one in component.objects]
    return any(ObjectRef.of(one) == budget.ref and _bounds(one) == _own_bounds(budget) for one in shipped)


def _bounds(manifest: Manifest) -> Mapping[str, Any]:
    return {
        key: str(value) for key in ("minAvailable", "maxUnavailable") if (value := first(manifest, f"spec.{key}")) is not None
    }


def _own_bounds(budget: DisruptionBudget) -> Mapping[str, Any]:
    written = {"minAvailable": budget.min_available, "maxUnavailable": budget.max_unavailable}
    return {key: value for key, value in written.items() if value}


def _is_of_mesh(situation: Situation, workload: Workload) -> bool:
    return workload.ref in situation.snapshot.parts or in_mesh(situation.snapshot, workload)


RULE = Rule(_ID, _find)
