"""``precheck`` of a mesh of ten thousand pods and two thousand objects of Istio, beside istioctl's own checks of it."""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.crowd import PODS, settle_crowd
from bench.inspect_10k import install
from bench.istio_objects import OBJECTS, settle_istio_objects
from bench.measuring import Cost, compiled, machine, measure, median
from bench.results import keep, say
from resail.testbed.bed import Bed
from resail.testbed.binaries import ensure
from resail.testbed.mesh.install import TO
from resail.testbed.tools import KUBERNETES_VERSION

__all__ = ["main"]

RUNS = 3

_MEGABYTE = 1_000_000
_PRECHECK = "resail precheck --no-istioctl --schemas-only"
_ISTIOCTL = ("istioctl x precheck", "istioctl analyze -A")
_FINE = (0, 3, 79)
"""Resail's exit code where something blocks, and that of ``istioctl analyze`` where it found errors."""


def main() -> None:
    """Measure, print the table, and write it to ``bench/results.md``."""
    name = f"istioctl-{TO}"
    istioctl = ensure((name,), say)[name]
    with tempfile.TemporaryDirectory(prefix="resail-bench-") as folder:
        bed = Bed.start(Path(folder) / "bed", say)
        try:
            asyncio.run(install(bed))
            asyncio.run(settle_crowd(bed, say))
            asyncio.run(settle_istio_objects(bed))
            costs = _measure_all(bed, istioctl, Path(folder))
        finally:
            bed.stop()
    keep("precheck_10k", _page(_table(costs)))


def _measure_all(bed: Bed, istioctl: Path, folder: Path) -> dict[str, Cost]:
    output = folder / "output"
    resail = [sys.executable, "-c", "from resail.apps.cli.main import main; main()", "precheck"]
    kubeconfig: list[str | Path] = ["--kubeconfig", bed.kubeconfig]
    ours: list[str | Path] = [
        "--to",
        str(TO),
        "--no-istioctl",
        "--schemas-only",
        "--skip-check",
        "images=a test bed",
        "-q",
        "-o",
        "json",
    ]
    programs: dict[str, Sequence[str | Path]] = {
        _PRECHECK: [*resail, *ours, *kubeconfig],
        _ISTIOCTL[0]: [istioctl, "x", "precheck", *kubeconfig],
        _ISTIOCTL[1]: [istioctl, "analyze", "-A", *kubeconfig],
    }
    environment = compiled() | {"XDG_STATE_HOME": str(folder)}
    costs: dict[str, list[Cost]] = {what: [] for what in programs}
    for run in range(1, RUNS + 1):
        # Each in turn, so that what else goes on in the machine hits all alike.
        for what, command in programs.items():
            cost = measure(command, output, environment, _FINE)
            say(f"run {run}: {what}: {cost.seconds:.1f} s")
            costs[what].append(cost)
    return {what: median(each) for what, each in costs.items()}


def _table(costs: dict[str, Cost]) -> str:
    """As Markdown; ratios are to istioctl's two together."""
    theirs = sum(costs[what].seconds for what in _ISTIOCTL)
    lines = ["| | seconds | × istioctl's two | CPU seconds | peak MB |", "|---|--:|--:|--:|--:|"]
    for what, cost in costs.items():
        ratio = cost.seconds / theirs
        lines.append(
            f"| {what} | {cost.seconds:.2f} | {ratio:.2f} | {cost.cpu_seconds:.2f} | {cost.peak_bytes / _MEGABYTE:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _page(table: str) -> str:
    return (
        f"# Precheck of {PODS:,} pods\n\n"
        f"`python -m bench precheck_10k`: the demo mesh beside {PODS:,} pods and {OBJECTS:,} objects of Istio, on "
        f"kube-apiserver {KUBERNETES_VERSION}, on {machine()}; medians of {RUNS} runs, taken in turn. Resail also "
        "renders the target and builds the plan; what it asks istioctl is left out, as that is the other two rows, and objects "
        "are tried by schemas alone.\n\n"
        f"{table}\n"
        "The aim: not slower than istioctl's two together.\n"
    )
