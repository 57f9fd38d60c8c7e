"""Is there room for two istiods and for the pods that restarts bring up beforehand? How many proxies come to one istiod at once?

Requests against what the nodes have to give, as the scheduler counts. What it looks at besides (selectors, affinities, taints,
init containers) only takes room away, so what does not fit here does not fit; an autoscaler of nodes is not foreseen.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from resail.models.finding import Finding, FindingObject
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import InstallRevision, RestartWave, Step, UpgradeControlPlane
from resail.models.quantities import absolute, cpu_millis, parse_quantity
from resail.models.snapshot import MeshSnapshot, Requests, Workload

__all__ = ["RECONNECTS", "capacity_findings"]

RECONNECTS = 500
"""Proxies that come to one istiod in one wave before it is told.

An istiod takes 15 + 5 × cores new connections a second, at most 100 (``PILOT_MAX_REQUESTS_PER_SECOND`` in ``pilot/pkg/features``
of Istio 1.24 to 1.27): with one core 20, so that 500 proxies wait up to 25 seconds for their configuration.
"""
_SOURCE = "https://istio.io/latest/docs/ops/deployment/performance-and-scalability/"
_ENDED = ("Succeeded", "Failed")


class _Room(msgspec.Struct):
    """What a node has left."""

    cpu: int
    memory: int


def capacity_findings(
    snapshot: MeshSnapshot, steps: Sequence[Step], manifests: Mapping[str, tuple[Manifest, ...]]
) -> tuple[Finding, ...]:
    """Findings of one hop, sorted.

    Args:
        snapshot: the mesh before the hop.
        steps: of the hop.
        manifests: what their files hold.
    """
    found: list[Finding] = []
    replicas = 0
    for step in steps:
        if isinstance(step, InstallRevision | UpgradeControlPlane):
            istiod = _istiod(manifests[step.change.manifests])
            if istiod is not None:
                replicas, more = _control_plane(snapshot, istiod, manifests[step.change.manifests], step)
                found += more
        elif isinstance(step, RestartWave):
            found += _surge(snapshot, step)
            found += _reconnects(step, replicas)
    return tuple(sorted(found))


def _istiod(objects: Sequence[Manifest]) -> Manifest | None:
    for manifest in objects:
        labels = manifest["metadata"].get("labels") or {}
        if manifest["kind"] == "Deployment" and labels.get("app") == "istiod":
            return manifest
    return None


def _control_plane(
    snapshot: MeshSnapshot, istiod: Manifest, objects: Sequence[Manifest], step: InstallRevision | UpgradeControlPlane
) -> tuple[int, list[Finding]]:
    """The replicas that it begins with, and what they lack."""
    ref, spec = ObjectRef.of(istiod), istiod["spec"]
    scaler = next((one for one in objects if _scales(one, ref)), None)
    least = int((scaler or {"spec": {}})["spec"].get("minReplicas") or spec.get("replicas") or 1)
    most = max(least, int(scaler["spec"].get("maxReplicas", least)) if scaler else least)
    running = next((one for one in snapshot.control_planes if one.deployment == ref), None)
    asked = _requests(spec["template"]["spec"])
    if isinstance(step, InstallRevision) or running is None:
        beginning, added, what = least, least, f"{least} istiod pods of the new revision"
    else:
        beginning = max(least, running.replicas)
        rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
        added = absolute(rolling.get("maxSurge"), beginning, round_up=True, default="25%")
        what = f"{added} istiod pods beside the {beginning} that run, as its strategy wants"
    rooms = _rooms(snapshot)
    if not rooms:
        return beginning, []
    fits = _fit(_copies(rooms), [asked] * added)
    if fits < added:
        stuck = fits == 0 or isinstance(step, InstallRevision)
        return beginning, [_no_room("istiod-no-room", "blocker" if stuck else "warning", ref, what, asked, fits, added, rooms)]
    scaled = most - (0 if isinstance(step, InstallRevision) else beginning)
    fits = _fit(_copies(rooms), [asked] * scaled)
    if fits < scaled:
        told = f"{scaled} more istiod pods, which its autoscaler may want"
        return beginning, [_no_room("istiod-no-room", "warning", ref, told, asked, fits, scaled, rooms)]
    return beginning, []


def _scales(manifest: Manifest, istiod: ObjectRef) -> bool:
    if manifest["kind"] != "HorizontalPodAutoscaler":
        return False
    return ObjectRef.of(manifest).namespace == istiod.namespace and manifest["spec"]["scaleTargetRef"]["name"] == istiod.name


def _surge(snapshot: MeshSnapshot, wave: RestartWave) -> list[Finding]:
    """Pods that rollouts bring up before they take old ones away."""
    workloads = {workload.ref: workload for workload in snapshot.workloads}
    rooms = _rooms(snapshot)
    rolled = [(one, workloads[one.workload]) for one in wave.restarts if one.method == "rollout" and one.workload in workloads]
    if not rooms:
        return []
    found = []
    for restart, workload in rolled:
        surge = workload.strategy.max_surge if workload.strategy.type == "RollingUpdate" else 0
        if surge and not workload.strategy.max_unavailable and not _fit(_copies(rooms), [_pod(workload)]):
            what = f"one more pod of {restart.workload}, without which its rollout cannot begin"
            found.append(_no_room("wave-no-room", "blocker", restart.workload, what, _pod(workload), 0, 1, rooms))
    together = [pod for _, workload in rolled for pod in [_pod(workload)] * _surging(workload)]
    fits = _fit(_copies(rooms), together)
    if not found and fits < len(together):
        asked = Requests(sum(pod.cpu_millis for pod in together), sum(pod.memory_bytes for pod in together))
        found.append(
            Finding(
                id="wave-no-room",
                severity="warning",
                message=f"wave {wave.wave} brings up {len(together)} pods beforehand, and there is room for {fits} at a time",
                objects=tuple(_object(one.workload) for one, _ in rolled),
                evidence=f"they ask for {_amount(asked)}; {_free(rooms)}",
                fix="plan with a smaller --max-parallel, or add nodes",
            )
        )
    return found


def _surging(workload: Workload) -> int:
    return min(workload.strategy.max_surge, workload.replicas) if workload.strategy.type == "RollingUpdate" else 0


def _reconnects(wave: RestartWave, istiods: int) -> list[Finding]:
    proxies = sum(restart.pods for restart in wave.restarts)
    if not istiods or proxies <= RECONNECTS * istiods:
        return []
    largest = max(wave.restarts, key=lambda restart: restart.pods)
    return [
        Finding(
            id="istiod-reconnects",
            severity="warning",
            message=f"in wave {wave.wave} up to {proxies} proxies come at once to {istiods} istiod pods",
            objects=(_object(largest.workload),),
            evidence=f"{proxies // istiods} for each, and {RECONNECTS} are the limit; {largest.workload} has {largest.pods}",
            fix="plan with a smaller --max-parallel, or give istiod more replicas (pilot.autoscaleMin)",
            source=_SOURCE,
        )
    ]


def _rooms(snapshot: MeshSnapshot) -> dict[str, _Room]:
    """Nodes that are ready, and what their pods leave; empty where no node tells what it has."""
    rooms = {
        node.name: _Room(node.cpu_millis, node.memory_bytes)
        for node in snapshot.cluster.nodes
        if node.ready and (node.cpu_millis or node.memory_bytes)
    }
    for workload in snapshot.workloads:
        for pod in workload.pods:
            if pod.node in rooms and pod.phase not in _ENDED:
                taken = _pod(workload) if pod.proxy_version else workload.requests
                rooms[pod.node].cpu -= taken.cpu_millis
                rooms[pod.node].memory -= taken.memory_bytes
    return rooms


def _copies(rooms: Mapping[str, _Room]) -> list[_Room]:
    return [_Room(room.cpu, room.memory) for room in rooms.values()]


def _fit(rooms: list[_Room], pods: Sequence[Requests]) -> int:
    """How many of them find a node, the largest first, each on the node that has most room."""
    placed = 0
    for pod in sorted(pods, key=lambda one: (-one.cpu_millis, -one.memory_bytes)):
        fitting = [room for room in rooms if room.cpu >= pod.cpu_millis and room.memory >= pod.memory_bytes]
        if fitting:
            room = max(fitting, key=lambda one: (one.cpu, one.memory))
            room.cpu -= pod.cpu_millis
            room.memory -= pod.memory_bytes
            placed += 1
    return placed


def _pod(workload: Workload) -> Requests:
    own, sidecar = workload.requests, workload.sidecar_requests
    return Requests(own.cpu_millis + sidecar.cpu_millis, own.memory_bytes + sidecar.memory_bytes)


def _requests(pod: dict[str, Any]) -> Requests:
    asked = [(container.get("resources") or {}).get("requests") or {} for container in pod.get("containers") or ()]
    return Requests(
        cpu_millis=sum(cpu_millis(str(one.get("cpu", "0"))) for one in asked),
        memory_bytes=sum(int(parse_quantity(str(one.get("memory", "0")))) for one in asked),
    )


def _no_room(
    name: str, severity: Any, ref: ObjectRef, what: str, asked: Requests, fits: int, wanted: int, rooms: Mapping[str, _Room]
) -> Finding:
    return Finding(
        id=name,
        severity=severity,
        message=f"there is room for {fits} of {wanted}: {what}",
        objects=(_object(ref),),
        evidence=f"each asks for {_amount(asked)}; {_free(rooms)}",
        fix="add nodes, or lower what the pods ask for; `--skip-check capacity=REASON` where an autoscaler adds nodes",
    )


def _object(ref: ObjectRef) -> FindingObject:
    return FindingObject(ref.kind, ref.namespace, ref.name, "spec.template.spec.containers")


def _free(rooms: Mapping[str, _Room]) -> str:
    name, room = max(rooms.items(), key=lambda one: (one[1].cpu, one[1].memory))
    left = Requests(max(room.cpu, 0), max(room.memory, 0))
    return f"of {len(rooms)} nodes that are ready {name} has most left, {_amount(left)}"


def _amount(requests: Requests) -> str:
    return f"{requests.cpu_millis} m CPU and {requests.memory_bytes / 2**20:.0f} MiB"
