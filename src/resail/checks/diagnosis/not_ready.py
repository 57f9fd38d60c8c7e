"""Parts of the mesh that are not ready: istiod, gateways, CNI, ztunnel, and workloads whose sidecar is not."""

from collections.abc import Iterator
from datetime import timedelta

from resail.checks.diagnosis.control_planes import hangs_on
from resail.checks.diagnosis.pods import ContainerSeen, containers, events_of, log_lines, moment_of, reference
from resail.checks.diagnosis.sign import Rule, Sign, at, place_of
from resail.checks.diagnosis.situation import Situation
from resail.checks.injection import in_mesh
from resail.models.diagnosis import Diagnosis
from resail.models.field_path import find, first
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import Workload

__all__ = ["RULE"]

_ID = "not-ready"
_INJECTED = frozenset(("istio-proxy", "istio-init", "istio-validation"))
_STARTING = timedelta(minutes=5)
"""A pod that is younger may just not be ready yet."""


def _find(situation: Situation) -> Iterator[Sign]:
    snapshot = situation.snapshot
    planes = {plane.deployment: plane for plane in snapshot.control_planes}
    roles = {part.workload: part.role for part in snapshot.components} | dict.fromkeys(planes, "istiod")
    for workload in snapshot.workloads:
        role = roles.get(workload.ref, "")
        if workload.ready >= workload.replicas:
            continue
        evidence = _pods(situation, workload, whole=bool(role)) or _not_made(situation, workload, is_part=bool(role))
        if evidence:
            plane = planes.get(workload.ref)
            yield Sign(
                diagnosis=Diagnosis(
                    id=f"{role}-{_ID}" if role else f"sidecar-{_ID}",
                    certainty="likely",
                    cause=f"{role or 'the sidecar'} {'' if role else 'of '}{workload.ref} is not ready: "
                    f"{workload.ready} of {workload.replicas} pods are",
                    objects=(at(workload.ref, "status"),),
                    evidence=tuple(evidence),
                    undo=(
                        f"see `kubectl -n {workload.ref.namespace} describe {workload.ref.kind.lower()} {workload.ref.name}`, "
                        "the Events of its pods and the ends of their logs",
                    ),
                    source="https://istio.io/latest/docs/ops/diagnostic-tools/",
                ),
                explains=hangs_on(situation, plane) if plane else frozenset((place_of(workload.ref),)),
                symptom=True,
            )


def _pods(situation: Situation, workload: Workload, *, whole: bool) -> list[str]:
    """What its pods that are not ready say of the containers in question."""
    names = {pod.name for pod in workload.pods if not pod.ready}
    told: list[str] = []
    for pod in situation.pods:
        ref = reference(pod)
        if ref.namespace == workload.ref.namespace and ref.name in names:
            ill = [one for one in containers(pod) if not one.ready and (whole or one.name in _INJECTED) and not _has_ended(one)]
            pending = whole and not list(containers(pod))
            if (ill or pending) and not _is_starting(situation, pod, ill):
                told += [f"{ref} {one.path}: {_state(one)}" for one in ill] or [f"{ref}: {_unscheduled(pod)}"]
                told += events_of(situation, ref)
                told += [line for one in ill for line in log_lines(situation, ref, one.name)]
    return told


def _has_ended(one: ContainerSeen) -> bool:
    """As an init container should."""
    return bool(first(one.status, "state.terminated.exitCode") == 0)


def _is_starting(situation: Situation, pod: Manifest, ill: list[ContainerSeen]) -> bool:
    harmless = all(one.waiting in ("", "ContainerCreating", "PodInitializing") and not one.ended for one in ill)
    created = moment_of(first(pod, "metadata.creationTimestamp"))
    return harmless and created is not None and situation.now - created < _STARTING


def _state(one: ContainerSeen) -> str:
    if one.waiting:
        return f"waiting, {one.waiting}{f': {one.words}' if one.words else ''}"
    if one.ended:
        return f"ended with exit code {first(one.ended, 'exitCode')}, {first(one.ended, 'reason') or 'without a reason'}"
    return "running, and not ready"


def _unscheduled(pod: Manifest) -> str:
    for field in find(pod, "status.conditions[*]"):
        if first(field.value, "type") == "PodScheduled" and first(field.value, "status") == "False":
            return f"not scheduled: {first(field.value, 'message')}"
    return f"phase {first(pod, 'status.phase')}"


def _not_made(situation: Situation, workload: Workload, *, is_part: bool) -> list[str]:
    """Pods that cannot be created: a webhook, a quota or a policy refuses them."""
    if len(workload.pods) >= workload.replicas or not (is_part or in_mesh(situation.snapshot, workload)):
        return []
    makers = [
        ObjectRef("", str(first(one, "involvedObject.kind")), workload.ref.namespace, str(first(one, "involvedObject.name")))
        for one in situation.events
        if first(one, "reason") == "FailedCreate" and first(one, "involvedObject.namespace") == workload.ref.namespace
    ]
    own = [ref for ref in makers if ref.name.rpartition("-")[0] == workload.ref.name or ref.name == workload.ref.name]
    return events_of(situation, *own)


RULE = Rule(_ID, _find)
