"""Which workloads must restart, which stay, and why."""

import msgspec

from resail.checks.injection import pointer_of, revision_behind
from resail.checks.rollout import ROLLING_KINDS
from resail.models.finding import Finding, FindingObject
from resail.models.identity import ObjectRef
from resail.models.plan import Restart, Untouched
from resail.models.snapshot import MeshSnapshot, Workload
from resail.plan.waves import CannotRestart, budgets_of, restart_method

__all__ = ["RestartSet", "restart_set"]


class RestartSet(msgspec.Struct, frozen=True):
    """All workloads of the cluster, each in exactly one of the two."""

    restarts: tuple[Restart, ...]
    untouched: tuple[Untouched, ...]
    findings: tuple[Finding, ...]


def restart_set(
    snapshot: MeshSnapshot, from_revision: str, to_revision: str, image: str, upgraded: frozenset[ObjectRef]
) -> RestartSet:
    """Go through all workloads.

    Args:
        snapshot: the mesh.
        from_revision: whose workloads move.
        to_revision: what will inject them.
        image: the sidecar that it will inject, as predicted.
        upgraded: workloads that the plan's other steps bring to the target (istiod, CNI, gateways).
    """
    restarts: list[Restart] = []
    untouched: list[Untouched] = []
    findings: list[Finding] = []
    for workload in snapshot.workloads:
        reason = _why_stays(snapshot, workload, from_revision, to_revision, upgraded)
        if reason:
            untouched.append(Untouched(workload.ref, reason))
            if reason.startswith(_PINNED):
                findings.append(_finding(workload, "pod-pinned-to-revision", reason))
            continue
        method = restart_method(workload, budgets_of(workload.ref, snapshot.budgets))
        if isinstance(method, CannotRestart):
            untouched.append(Untouched(workload.ref, f"must be restarted by its owner: {method.reason}"))
            findings.append(_finding(workload, "workload-cannot-restart", method.reason))
            continue
        restarts.append(
            Restart(
                workload=workload.ref,
                method=method,
                reason=f"its sidecar is of revision {from_revision}; revision {to_revision} must inject it",
                pods=workload.replicas,
                from_version=_version(workload),
                to_revision=to_revision,
                image=image,
                mark_before=workload.restart_mark,
            )
        )
    return RestartSet(tuple(restarts), tuple(untouched), tuple(findings))


_PINNED = "its pod template pins"


def _why_stays(
    snapshot: MeshSnapshot, workload: Workload, from_revision: str, to_revision: str, upgraded: frozenset[ObjectRef]
) -> str:
    if workload.ref in upgraded:
        return "a step of its own upgrades it"
    planes = {plane.deployment: plane.revision for plane in snapshot.control_planes}
    if workload.ref in planes:
        old = planes[workload.ref] == from_revision
        return "it is the old revision, which stays until nothing is connected to it" if old else "it is another revision"
    managed = [part for part in snapshot.components if part.workload == workload.ref and part.managed_by_istiod]
    if managed:
        return f"istiod manages this {managed[0].role} and rolls it by itself"
    namespace = next((one for one in snapshot.namespaces if one.name == workload.ref.namespace), None)
    wants = {**workload.labels, **workload.inject_annotations}
    pointer, where = pointer_of(namespace, wants)
    with_proxy = [pod for pod in workload.pods if pod.proxy_version]
    if not pointer and not with_proxy:
        opted_out = wants.get("sidecar.istio.io/inject") == "false"
        return "it opts out of injection" if opted_out else "it is outside the mesh"
    revision = revision_behind(snapshot, pointer)
    if revision != from_revision and not any(pod.revision == from_revision for pod in with_proxy):
        return f"it belongs to revision {revision or pointer or with_proxy[0].revision}"
    if not pointer:
        return f"{_PINNED} a sidecar by hand: nothing injects it"
    if where == "pod" and pointer == from_revision != to_revision:
        return f"{_PINNED} revision {from_revision}: change its label istio.io/rev to {to_revision}"
    if workload.ref.kind == "CronJob":
        return "its next Job gets the new sidecar by itself"
    if workload.ref.kind not in ROLLING_KINDS:
        return f"a {workload.ref.kind} cannot be restarted; it keeps its sidecar until it is made anew"
    return "" if with_proxy else "none of its pods has a sidecar now"


def _version(workload: Workload) -> str:
    versions = {pod.proxy_version for pod in workload.pods if pod.proxy_version}
    return versions.pop() if len(versions) == 1 else "mixed"


def _finding(workload: Workload, name: str, reason: str) -> Finding:
    ref = workload.ref
    return Finding(
        id=name,
        severity="warning",
        message=f"{ref} keeps its old sidecar: {reason}",
        objects=(FindingObject(ref.kind, ref.namespace, ref.name, "spec"),),
        evidence=reason,
        fix="let its owner change this and restart it after the upgrade",
        source="https://kubernetes.io/docs/concepts/workloads/pods/disruptions/",
    )
