"""The rehearsal of a mesh of ten thousand pods on a twin, as a whole process."""

import os
import platform
import sys
import tempfile
from pathlib import Path

import msgspec

from bench.crowd import DEPLOYMENTS, NAMESPACES, PODS, REPLICAS
from bench.demo_mesh import demo_mesh, plan_upgrade
from bench.measuring import Cost, measure
from bench.results import keep, say
from resail.models.identity import ObjectRef
from resail.models.rehearsal import Rehearsal
from resail.models.snapshot import MeshSnapshot, Namespace, Node, RolloutStrategy, Workload
from resail.snapshot.file import save_snapshot

__all__ = ["main"]

MOST_SECONDS = 60
MOST_MEGABYTES = 1000
_MEGABYTE = 1_000_000
_FILLED = PODS // 100
_NODES = _FILLED + 10
"""A hundred pods on a node, and some room for those that surge."""

_READY_SECONDS = 5.0
_MODEL = "checkout/Deployment/cart"
"""A workload of the demo mesh, after which those of the crowd are made."""


def main() -> None:
    """Make the mesh and its plan, rehearse it, and write down what that cost."""
    mesh = _with_crowd(demo_mesh())
    with tempfile.TemporaryDirectory(prefix="resail-bench-") as name:
        folder = Path(name)
        save_snapshot(folder / "mesh.json", mesh)
        plan_upgrade(mesh, folder / "plan.zip")
        say(f"rehearsing a plan of {PODS:,} pods")
        command = [sys.executable, "-c", "from resail.apps.cli.main import main; main()"]
        arguments: list[str | Path] = ["rehearse", folder / "plan.zip", "--snapshot", folder / "mesh.json", "-q", "-o", "json"]
        cost = measure([*command, *arguments], folder / "output", {"XDG_STATE_HOME": str(folder)})
        rehearsal = msgspec.json.decode((folder / "output").read_bytes(), type=Rehearsal)
    keep("rehearse_10k", _page(cost, rehearsal))


def _with_crowd(mesh: MeshSnapshot) -> MeshSnapshot:
    """The mesh, and ten thousand pods more."""
    model = next(workload for workload in mesh.workloads if str(workload.ref) == _MODEL)
    nodes = [Node(f"crowd-{number:03d}", "1.31.0", "amd64", 64_000, 256 << 30, True) for number in range(_NODES)]
    names = [f"crowd-{number:02d}" for number in range(NAMESPACES)]
    crowd = [_workload(model, name, number, nodes) for name in names for number in range(DEPLOYMENTS)]
    namespaces = [Namespace(name, {"istio.io/rev": "prod-stable"}) for name in names]
    return msgspec.structs.replace(
        mesh,
        cluster=msgspec.structs.replace(
            mesh.cluster, nodes=tuple(sorted((*mesh.cluster.nodes, *nodes), key=lambda one: one.name))
        ),
        namespaces=tuple(sorted((*mesh.namespaces, *namespaces), key=lambda one: one.name)),
        workloads=tuple(sorted((*mesh.workloads, *crowd), key=lambda one: one.ref)),
    )


def _workload(model: Workload, namespace: str, number: int, nodes: list[Node]) -> Workload:
    name = f"application-{number:02d}"
    pods = tuple(
        msgspec.structs.replace(model.pods[0], name=f"{name}-{each:03d}", node=nodes[(number * REPLICAS + each) % _FILLED].name)
        for each in range(REPLICAS)
    )
    return msgspec.structs.replace(
        model,
        ref=ObjectRef("apps/v1", "Deployment", namespace, name),
        labels={"app": name},
        pods=pods,
        replicas=REPLICAS,
        ready=REPLICAS,
        strategy=RolloutStrategy("RollingUpdate", REPLICAS // 4, REPLICAS // 4),
        ready_seconds=_READY_SECONDS,
    )


def _page(cost: Cost, rehearsal: Rehearsal) -> str:
    return (
        f"# Rehearsal of {PODS:,} pods\n\n"
        f"`python -m bench rehearse_10k`: a plan of the demo mesh beside {NAMESPACES * DEPLOYMENTS} Deployments of "
        f"{REPLICAS} pods, rehearsed on a twin as one process, on {platform.machine()} with {os.cpu_count()} cores "
        f"(load {os.getloadavg()[0]:.1f}).\n\n"
        "| seconds | CPU seconds | peak MB | restarts | foretold |\n|--:|--:|--:|--:|--:|\n"
        f"| {cost.seconds:.1f} | {cost.cpu_seconds:.1f} | {cost.peak_bytes / _MEGABYTE:.0f} | {len(rehearsal.restarts)} "
        f"| {rehearsal.seconds:.0f} s |\n\n"
        f"The aims are {MOST_SECONDS} seconds and {MOST_MEGABYTES} MB.\n"
    )
