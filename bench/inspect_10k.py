"""``inspect`` and ``plan`` of a mesh of ten thousand pods, beside what it costs to fetch the same lists at all."""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.crowd import PODS, settle_crowd
from bench.measuring import Cost, compiled, machine, measure, median
from bench.results import keep, say
from resail.installers.helm import open_helm
from resail.kube import connect
from resail.testbed.bed import Bed
from resail.testbed.binaries import ensure
from resail.testbed.mesh.install import TO, install_mesh, render_mesh
from resail.testbed.tools import KUBERNETES_VERSION

__all__ = ["install", "main"]

RUNS = 3
LEAST_MEGABYTES = 200

_MEGABYTE = 1_000_000
_JSON = "application/json"
_PROTOBUF = "application/vnd.kubernetes.protobuf,application/json"
_LISTS = (
    *(f"/api/v1/{plural}" for plural in ("pods", "nodes", "namespaces", "secrets?labelSelector=owner%3Dhelm")),
    *(f"/apis/apps/v1/{plural}" for plural in ("replicasets", "deployments", "statefulsets", "daemonsets")),
    *(f"/apis/batch/v1/{plural}" for plural in ("jobs", "cronjobs")),
    "/apis/policy/v1/poddisruptionbudgets",
    "/apis/autoscaling/v2/horizontalpodautoscalers",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
)
"""What ``inspect`` reads; custom resources, of which there are few, apart."""

_INSPECT = "resail inspect"
_RAW_JSON = "raw GETs, JSON"
_RAW_PROTOBUF = "raw GETs, protobuf"


class _Row(msgspec.Struct, frozen=True):
    what: str
    cost: Cost
    megabytes: float
    """Of its standard output, or of the answer where it throws that away."""


def main() -> None:
    """Measure, print the table, and write it to ``bench/results.md``."""
    kubectl = ensure(("kubectl",), say)["kubectl"]
    with tempfile.TemporaryDirectory(prefix="resail-bench-") as folder:
        bed = Bed.start(Path(folder) / "bed", say)
        try:
            asyncio.run(install(bed))
            asyncio.run(settle_crowd(bed, say))
            rows = _measure_all(bed, kubectl, Path(folder))
        finally:
            bed.stop()
    keep("inspect_10k", _page(_table(rows)))
    size = next(row.megabytes for row in rows if row.what == _RAW_JSON)
    if size < LEAST_MEGABYTES:
        raise SystemExit(f"the lists have only {size:.0f} MB as JSON, which says little: {LEAST_MEGABYTES} are wanted")


async def install(bed: Bed) -> None:
    """The demo mesh."""
    mesh = await render_mesh(say)
    async with connect(bed.kubeconfig_of("deployer")) as cluster, open_helm(cluster.access, cluster, cluster) as helm:
        await install_mesh(cluster, helm, mesh, say)


def _measure_all(bed: Bed, kubectl: Path, folder: Path) -> list[_Row]:
    output = folder / "output"
    resail = [sys.executable, "-c", "from resail.apps.cli.main import main; main()"]
    url = f"https://127.0.0.1:{bed.layout.ports().api}"
    options: list[str | Path] = ["--kubeconfig", bed.kubeconfig, "-q", "-o", "json"]
    plan: list[str | Path] = ["plan", "--to", str(TO), "--out", folder / "plan.zip", "--skip-check", "images=a test bed"]
    raw: list[str | Path] = [sys.executable, "-m", "bench.raw_get", url, bed.layout.certificate, "observer"]
    programs: list[tuple[str, Sequence[str | Path]]] = [
        (_INSPECT, [*resail, "inspect", *options]),
        ("resail plan", [*resail, *plan, *options]),
        ("kubectl get pods -A -o json", [kubectl, "--kubeconfig", bed.kubeconfig, "get", "pods", "-A", "-o", "json"]),
        (_RAW_JSON, [*raw, _JSON, *_LISTS]),
        (_RAW_PROTOBUF, [*raw, _PROTOBUF, *_LISTS]),
    ]
    environment = compiled() | {"XDG_STATE_HOME": str(folder)}
    costs: dict[str, list[Cost]] = {what: [] for what, _ in programs}
    megabytes: dict[str, float] = {}
    for run in range(1, RUNS + 1):
        # Each in turn, so that what else goes on in the machine hits all alike.
        for what, command in programs:
            cost = measure(command, output, environment)
            say(f"run {run}: {what}: {cost.seconds:.1f} s")
            costs[what].append(cost)
            told = output.read_text() if what.startswith("raw") else ""
            megabytes[what] = (int(told) if told else output.stat().st_size) / _MEGABYTE
    return [_Row(what, median(costs[what]), megabytes[what]) for what, _ in programs]


def _table(rows: Sequence[_Row]) -> str:
    """As Markdown; ratios are to the raw GETs as protobuf."""
    floor = next(row.cost for row in rows if row.what == _RAW_PROTOBUF)
    lines = ["| | seconds | × raw protobuf | CPU seconds | peak MB | MB out |", "|---|--:|--:|--:|--:|--:|"]
    for row in rows:
        cost = row.cost
        lines.append(
            f"| {row.what} | {cost.seconds:.2f} | {cost.seconds / floor.seconds:.2f} | {cost.cpu_seconds:.2f} "
            f"| {cost.peak_bytes / _MEGABYTE:.0f} | {row.megabytes:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _page(table: str) -> str:
    return (
        f"# {PODS:,} pods\n\n"
        f"`python -m bench inspect_10k`: the demo mesh beside {PODS:,} pods with a sidecar that istiod made, on kube-apiserver "
        f"{KUBERNETES_VERSION} with KWOK nodes, on {machine()}; medians of {RUNS} runs, taken in turn. CPU and memory are those "
        "of the client; memory is that of its largest process. The raw GETs read the lists that `inspect` reads, over one "
        "connection, and throw them away.\n\n"
        f"{table}\n"
        f"The aims of `inspect`: sooner than the raw GETs as JSON, within 1.5 times those as protobuf, 3 CPU seconds, 400 MB.\n"
    )
