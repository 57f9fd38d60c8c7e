"""Room for two istiods and for a wave's surge, and the proxies that come to one istiod."""

from typing import Any

import msgspec
import pytest

from resail.checks.capacity import RECONNECTS, capacity_findings
from resail.models.finding import Finding
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import HelmChange, InstallRevision, NoUndo, Restart, RestartAgain, RestartWave, Step, UpgradeControlPlane
from resail.models.snapshot import ClusterFacts, MeshSnapshot, Node, Requests, Workload
from tests.plan.meshes import deployment, mesh

GIB = 2**30
CHANGE = HelmChange("istiod", "istio-system", "istiod", "install", "", "1.27.0", {}, "istiod.json", ())
COMMON: dict[str, Any] = {"id": "01", "title": "t", "reason": "r"}


def istiod(most: int = 0, name: str = "istiod-new", **spec: Any) -> tuple[Manifest, ...]:
    container = {"name": "discovery", "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}}}
    metadata = {"name": name, "namespace": "istio-system", "labels": {"app": "istiod"}}
    template = {"spec": {"containers": [container]}}
    running: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"template": template, **spec},
    }
    scaling = {"minReplicas": 1, "maxReplicas": most, "scaleTargetRef": {"kind": "Deployment", "name": name}}
    scaler: Manifest = {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "istio-system"},
        "spec": scaling,
    }
    return (running, scaler) if most else (running,)


def nodes(*cpus: int, memory: int = 16 * GIB, ready: bool = True) -> ClusterFacts:
    found = tuple(Node(f"node-{number}", "1.31.0", "amd64", cpu, memory, ready) for number, cpu in enumerate(cpus))
    return ClusterFacts("cluster", "1.31.0", found)


def on(node: str, workload: Workload, cpu: int, sidecar: int = 0) -> Workload:
    pods = tuple(msgspec.structs.replace(pod, node=node) for pod in workload.pods)
    return msgspec.structs.replace(workload, pods=pods, requests=Requests(cpu, GIB), sidecar_requests=Requests(sidecar, GIB // 8))


def installing() -> Step:
    return InstallRevision(**COMMON, undo=NoUndo("t"), change=CHANGE, revision="new")


def upgrading() -> Step:
    return UpgradeControlPlane(**COMMON, undo=NoUndo("t"), change=CHANGE, revision="default")


def wave(*workloads: Workload, pods: int = 0) -> Step:
    restarts = tuple(Restart(one.ref, "rollout", "r", pods or one.replicas, "1.26.0", "new") for one in workloads)
    return RestartWave(**COMMON, undo=RestartAgain(), wave=1, restarts=restarts)


def found(snapshot: MeshSnapshot, *steps: Step, objects: tuple[Manifest, ...] = ()) -> list[Finding]:
    return list(capacity_findings(snapshot, steps, {"istiod.json": objects or istiod()}))


def told(snapshot: MeshSnapshot, *steps: Step, objects: tuple[Manifest, ...] = ()) -> list[tuple[str, str]]:
    return [(one.id, one.severity) for one in found(snapshot, *steps, objects=objects)]


@pytest.mark.parametrize(
    ("cluster", "blocks"),
    [
        (nodes(1500), False),
        (nodes(1499), True),  # 1000 m are taken, and 500 m are asked for.
        (nodes(1000, 499), True),  # Not on two nodes together.
        (nodes(1000, 500), False),
        (nodes(1500, memory=4 * GIB), False),  # 2 GiB are taken, and 2 GiB asked for.
        (nodes(1500, memory=4 * GIB - 1), True),
        (nodes(9000, ready=False), False),  # Where no node is known to be ready nothing can be told.
        (nodes(), False),
    ],
)
def test_a_second_istiod(cluster: ClusterFacts, blocks: bool) -> None:
    workload = on("node-0", deployment("web", version=""), cpu=500)
    assert told(mesh(workload, cluster=cluster), installing()) == ([("istiod-no-room", "blocker")] if blocks else [])


def test_what_its_autoscaler_may_want_is_a_warning() -> None:
    snapshot = mesh(cluster=nodes(2000))
    assert told(snapshot, installing(), objects=istiod(most=4)) == []
    assert told(snapshot, installing(), objects=istiod(most=5)) == [("istiod-no-room", "warning")]
    (finding,) = found(snapshot, installing(), objects=istiod(most=5))
    assert "room for 4 of 5" in finding.message
    assert "500 m CPU and 2048 MiB" in finding.evidence


def test_an_istiod_in_place_takes_its_surge() -> None:
    rolling: dict[str, Any] = {"strategy": {"rollingUpdate": {"maxSurge": "100%"}}}
    snapshot = mesh(cluster=nodes(499))
    assert told(snapshot, upgrading(), objects=istiod(name="istiod", **rolling)) == [("istiod-no-room", "blocker")]
    assert told(mesh(cluster=nodes(500)), upgrading(), objects=istiod(name="istiod", **rolling)) == []
    none: dict[str, Any] = {"strategy": {"rollingUpdate": {"maxSurge": 0}}}
    assert told(snapshot, upgrading(), objects=istiod(name="istiod", **none)) == []


@pytest.mark.parametrize(
    ("free", "unavailable", "says"),
    [
        (600, 0, []),
        (599, 0, [("wave-no-room", "blocker")]),  # 500 m, and 100 m for the sidecar.
        (599, 1, [("wave-no-room", "warning")]),  # It can make room itself.
    ],
)
def test_a_rollout_needs_room_for_one_pod_more(free: int, unavailable: int, says: list[tuple[str, str]]) -> None:
    workload = on("node-0", deployment("web", unavailable=unavailable), cpu=500, sidecar=100)
    assert told(mesh(workload, cluster=nodes(1200 + free)), wave(workload)) == says


def test_a_wave_that_does_not_fit_at_once_is_slower() -> None:
    workloads = [on("node-0", deployment(name, replicas=1), cpu=500) for name in ("a", "b", "c")]
    assert told(mesh(*workloads, cluster=nodes(3000)), wave(*workloads)) == []
    (finding,) = found(mesh(*workloads, cluster=nodes(2999)), wave(*workloads))
    assert (finding.id, finding.severity) == ("wave-no-room", "warning")
    assert "brings up 3 pods beforehand, and there is room for 2" in finding.message


def test_what_has_ended_or_is_elsewhere_takes_no_room() -> None:
    job = on("node-0", deployment("job", version=""), cpu=5000)
    ended = tuple(msgspec.structs.replace(pod, phase="Succeeded") for pod in job.pods)
    snapshot = mesh(msgspec.structs.replace(job, pods=ended), on("nowhere", deployment("x"), 9000), cluster=nodes(500))
    assert told(snapshot, installing()) == []


def test_reconnects() -> None:
    workload = deployment("web")
    snapshot = mesh(workload, cluster=nodes(9000))
    assert told(snapshot, installing(), wave(workload, pods=RECONNECTS)) == []
    assert told(snapshot, installing(), wave(workload, pods=RECONNECTS + 1)) == [("istiod-reconnects", "warning")]
    two = istiod(replicas=2)
    assert told(snapshot, installing(), wave(workload, pods=RECONNECTS + 1), objects=two) == []
    (finding,) = found(snapshot, installing(), wave(workload, pods=1234))
    assert "1234 proxies come at once to 1 istiod" in finding.message
    assert str(ObjectRef("apps/v1", "Deployment", "shop", "web")) in finding.evidence
