"""An encrypted backup of a mesh with two thousand objects of Istio, beside ``kubectl get`` of the same kinds, one by one."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyrage

from bench.crowd import NAMESPACES
from bench.inspect_10k import install
from bench.istio_objects import OBJECTS, settle_istio_objects
from bench.measuring import Cost, compiled, machine, measure, median
from bench.results import keep, say
from resail.kube import connect
from resail.testbed.bed import Bed
from resail.testbed.binaries import ensure
from resail.testbed.tools import KUBERNETES_VERSION

__all__ = ["main"]

RUNS = 3
LEAST_TIMES = 3
"""So many times faster is the aim."""

_MEGABYTE = 1_000_000
_BACKUP = "resail backup, encrypted"
_LOOP = "kubectl get KIND -A -o yaml, for each kind"
_EACH_KIND = 'for kind in "$@"; do "$KUBECTL" get "$kind" -A -o yaml || exit 1; done'


def main() -> None:
    """Measure, print the table, and write it to ``bench/results.md``."""
    kubectl = ensure(("kubectl",), say)["kubectl"]
    with tempfile.TemporaryDirectory(prefix="resail-bench-") as folder:
        bed = Bed.start(Path(folder) / "bed", say)
        try:
            asyncio.run(install(bed))
            asyncio.run(_make_namespaces(bed))
            asyncio.run(settle_istio_objects(bed))
            costs = _measure_all(bed, kubectl, Path(folder))
        finally:
            bed.stop()
    keep("backup_2k", _page(costs))
    times = _times(costs)
    if times < LEAST_TIMES:
        raise SystemExit(f"a backup is only {times:.1f} times faster; the aim is {LEAST_TIMES}")


async def _make_namespaces(bed: Bed) -> None:
    async with connect(bed.kubeconfig_of("deployer")) as cluster:
        for number in range(NAMESPACES):
            await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"crowd-{number:02d}"}})


def _measure_all(bed: Bed, kubectl: Path, folder: Path) -> dict[str, Cost]:
    output = folder / "output"
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    resail = [sys.executable, "-c", "from resail.apps.cli.main import main; main()"]
    environment = compiled() | {"KUBECONFIG": str(bed.kubeconfig), "KUBECTL": str(kubectl), "XDG_STATE_HOME": str(folder)}
    costs: dict[str, list[Cost]] = {_BACKUP: [], _LOOP: []}
    for run in range(1, RUNS + 1):
        # Each in turn, so that what else goes on in the machine hits both alike.
        out = folder / f"{run}.tar.gz.age"
        backup: Sequence[str | Path] = [*resail, "backup", "--out", out, "--recipient", recipient, "-q", "-o", "json"]
        costs[_BACKUP].append(measure(backup, output, environment))
        kinds: list[str] = sorted(json.loads(output.read_text())["objects"])
        costs[_LOOP].append(measure(["sh", "-c", _EACH_KIND, "sh", *kinds], output, environment))
        say(f"run {run}: {len(kinds)} kinds; " + ", ".join(f"{what}: {each[-1].seconds:.1f} s" for what, each in costs.items()))
    return {what: median(each) for what, each in costs.items()}


def _times(costs: dict[str, Cost]) -> float:
    return costs[_LOOP].seconds / costs[_BACKUP].seconds


def _page(costs: dict[str, Cost]) -> str:
    rows = "".join(
        f"| {what} | {cost.seconds:.2f} | {cost.cpu_seconds:.2f} | {cost.peak_bytes / _MEGABYTE:.0f} |\n"
        for what, cost in costs.items()
    )
    return (
        f"# Backup of {OBJECTS:,} objects\n\n"
        f"`python -m bench backup_2k`: the demo mesh beside {OBJECTS:,} objects of Istio, on kube-apiserver "
        f"{KUBERNETES_VERSION}, on {machine()}; medians of {RUNS} runs, taken in turn. The kinds are those that the backup "
        "holds, and what kubectl writes is kept as it comes.\n\n"
        f"| | seconds | CPU seconds | peak MB |\n|---|--:|--:|--:|\n{rows}\n"
        f"The backup is {_times(costs):.1f} times faster; the aim is {LEAST_TIMES} times.\n"
    )
