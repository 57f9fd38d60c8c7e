"""``inspect`` and ``plan`` of a mesh of ten thousand pods, beside what it costs to fetch those pods at all."""

import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.crowd import PODS, settle_crowd
from bench.measuring import Cost, measure, median
from bench.results import keep, say
from resail.installers.helm import open_helm
from resail.kube import connect
from resail.testbed.bed import Bed
from resail.testbed.binaries import ensure
from resail.testbed.mesh.install import TO, install_mesh, render_mesh
from resail.testbed.tools import KUBERNETES_VERSION

__all__ = ["main"]

RUNS = 3
LEAST_MEGABYTES = 200
_MEGABYTE = 1_000_000
_PATH = "/api/v1/pods"
_JSON = "application/json"
_PROTOBUF = "application/vnd.kubernetes.protobuf"


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
            asyncio.run(_install(bed))
            asyncio.run(settle_crowd(bed, say))
            rows = _measure_all(bed, kubectl, Path(folder))
        finally:
            bed.stop()
    keep("inspect_10k", _page(_table(rows)))
    size = rows[-2].megabytes
    if size < LEAST_MEGABYTES:
        raise SystemExit(f"the list of pods has only {size:.0f} MB as JSON, which says little: {LEAST_MEGABYTES} are wanted")


async def _install(bed: Bed) -> None:
    mesh = await render_mesh(say)
    async with connect(bed.kubeconfig_of("deployer")) as cluster, open_helm(cluster.access, cluster, cluster) as helm:
        await install_mesh(cluster, helm, mesh, say)


def _measure_all(bed: Bed, kubectl: Path, folder: Path) -> list[_Row]:
    output = folder / "output"
    resail = [sys.executable, "-c", "from resail.apps.cli.main import main; main()"]
    url = f"https://127.0.0.1:{bed.layout.ports().api}"
    options: list[str | Path] = ["--kubeconfig", bed.kubeconfig, "-q", "-o", "json"]
    plan: list[str | Path] = ["plan", "--to", str(TO), "--out", folder / "plan.zip"]
    raw: list[str | Path] = [sys.executable, "-m", "bench.raw_get", url, bed.layout.certificate, "observer"]
    programs: list[tuple[str, Sequence[str | Path]]] = [
        ("resail inspect", [*resail, "inspect", *options]),
        ("resail plan", [*resail, *plan, *options]),
        ("kubectl get pods -A -o json", [kubectl, "--kubeconfig", bed.kubeconfig, "get", "pods", "-A", "-o", "json"]),
        ("raw GET, JSON", [*raw, _JSON, _PATH]),
        ("raw GET, protobuf", [*raw, _PROTOBUF, _PATH]),
    ]
    costs: dict[str, list[Cost]] = {what: [] for what, _ in programs}
    megabytes: dict[str, float] = {}
    for run in range(1, RUNS + 1):
        # Each in turn, so that what else goes on in the machine hits all alike.
        for what, command in programs:
            cost = measure(command, output, {"XDG_STATE_HOME": str(folder)})
            say(f"run {run}: {what}: {cost.seconds:.1f} s")
            costs[what].append(cost)
            told = output.read_text() if what.startswith("raw") else ""
            megabytes[what] = (int(told) if told else output.stat().st_size) / _MEGABYTE
    return [_Row(what, median(costs[what]), megabytes[what]) for what, _ in programs]


def _table(rows: Sequence[_Row]) -> str:
    """As Markdown; ratios are to kubectl."""
    peer = next(row.cost for row in rows if row.what.startswith("kubectl"))
    lines = [
        "| | seconds | CPU seconds | peak MB | MB out | × kubectl: seconds | CPU | peak |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        cost = row.cost
        lines.append(
            f"| {row.what} | {cost.seconds:.2f} | {cost.cpu_seconds:.2f} | {cost.peak_bytes / _MEGABYTE:.0f} "
            f"| {row.megabytes:.1f} | {cost.seconds / peer.seconds:.2f} | {cost.cpu_seconds / peer.cpu_seconds:.2f} "
            f"| {cost.peak_bytes / peer.peak_bytes:.2f} |"
        )
    return "\n".join(lines) + "\n"


def _page(table: str) -> str:
    return (
        f"# {PODS:,} pods\n\n"
        f"`python -m bench inspect_10k`: the demo mesh beside {PODS:,} pods with a sidecar that istiod made, on kube-apiserver "
        f"{KUBERNETES_VERSION} with KWOK nodes, on {platform.machine()} with {os.cpu_count()} cores; medians of {RUNS} runs, "
        "taken in turn. "
        "CPU and memory are those of the client; memory is that of its largest process.\n\n"
        f"{table}"
    )
