"""An encrypted backup of a mesh with two thousand objects of Istio, beside ``kubectl get`` of the same kinds, one by one.

Whoever backs up by kubectl asks for each kind, since he does not know of which there are objects; what the kinds alone would take
of which there are some is measured, too.
"""

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
from resail.models.mesh_objects import BUILT_IN, CUSTOM_GROUPS, group_kind
from resail.testbed.bed import Bed
from resail.testbed.binaries import ensure
from resail.testbed.tools import KUBERNETES_VERSION

__all__ = ["main"]

RUNS = 3
LEAST_TIMES = 3
"""So many times faster is the aim."""

_MEGABYTE = 1_000_000
_BACKUP = "resail backup, encrypted"
_LOOP = "kubectl get KIND -A -o yaml, for each kind that it looks for"
_SHORT_LOOP = "the same, only for kinds of which there are objects"
_EACH_KIND = 'for kind in "$@"; do "$KUBECTL" get "$kind" -A -o yaml || exit 1; done'

_NOT_KEPT = ("EndpointSlice", "Event", "Lease", "Node", "Pod")
_BESIDE = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "CronJob", "Ingress")


def main() -> None:
    """Measure, print the table, and write it to ``bench/results.md``."""
    kubectl = ensure(("kubectl",), say)["kubectl"]
    with tempfile.TemporaryDirectory(prefix="resail-bench-") as folder:
        bed = Bed.start(Path(folder) / "bed", say)
        try:
            asyncio.run(install(bed))
            asyncio.run(_make_namespaces(bed))
            asyncio.run(settle_istio_objects(bed))
            kinds = asyncio.run(_kinds(bed))
            costs = _measure_all(bed, kubectl, Path(folder), kinds)
        finally:
            bed.stop()
    keep("backup_2k", _page(costs, len(kinds)))
    times = _times(costs)
    if times < LEAST_TIMES:
        raise SystemExit(f"a backup is only {times:.1f} times faster; the aim is {LEAST_TIMES}")


async def _make_namespaces(bed: Bed) -> None:
    async with connect(bed.kubeconfig_of("deployer")) as cluster:
        for number in range(NAMESPACES):
            await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"crowd-{number:02d}"}})


async def _kinds(bed: Bed) -> list[str]:
    """Those that a backup looks for, as kubectl takes them."""
    wanted = {one.kind for one in BUILT_IN if one.kind not in _NOT_KEPT} | set(_BESIDE)
    async with connect(bed.kubeconfig) as cluster:
        served = [one.kind for one in await cluster.resource_kinds()]
    found = {group_kind(one.api_version, one.kind) for one in served if one.kind in wanted or one.group.endswith(CUSTOM_GROUPS)}
    return sorted(found)


def _measure_all(bed: Bed, kubectl: Path, folder: Path, kinds: Sequence[str]) -> dict[str, Cost]:
    output = folder / "output"
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    resail = [sys.executable, "-c", "from resail.apps.cli.main import main; main()"]
    environment = compiled() | {"KUBECONFIG": str(bed.kubeconfig), "KUBECTL": str(kubectl), "XDG_STATE_HOME": str(folder)}
    costs: dict[str, list[Cost]] = {_BACKUP: [], _LOOP: [], _SHORT_LOOP: []}
    for run in range(1, RUNS + 1):
        # Each in turn, so that what else goes on in the machine hits all alike.
        out = folder / f"{run}.tar.gz.age"
        backup: Sequence[str | Path] = [*resail, "backup", "--out", out, "--recipient", recipient, "-q", "-o", "json"]
        costs[_BACKUP].append(measure(backup, output, environment))
        some: list[str] = sorted(json.loads(output.read_text())["objects"])
        assert set(some) <= set(kinds), sorted(set(some) - set(kinds))
        costs[_LOOP].append(measure(["sh", "-c", _EACH_KIND, "sh", *kinds], output, environment))
        costs[_SHORT_LOOP].append(measure(["sh", "-c", _EACH_KIND, "sh", *some], output, environment))
        say(f"run {run}: " + ", ".join(f"{what}: {each[-1].seconds:.1f} s" for what, each in costs.items()))
    return {what: median(each) for what, each in costs.items()}


def _times(costs: dict[str, Cost]) -> float:
    return costs[_LOOP].seconds / costs[_BACKUP].seconds


def _page(costs: dict[str, Cost], kinds: int) -> str:
    fastest = costs[_BACKUP].seconds
    rows = "".join(
        f"| {what} | {cost.seconds:.2f} | {cost.seconds / fastest:.1f} | {cost.cpu_seconds:.2f} "
        f"| {cost.peak_bytes / _MEGABYTE:.0f} |\n"
        for what, cost in costs.items()
    )
    return (
        f"# Backup of {OBJECTS:,} objects\n\n"
        f"`python -m bench backup_2k`: the demo mesh beside {OBJECTS:,} objects of Istio, on kube-apiserver "
        f"{KUBERNETES_VERSION}, on {machine()}; medians of {RUNS} runs, taken in turn. A backup looks for {kinds} "
        "kinds that this cluster serves; what kubectl writes is kept as it comes.\n\n"
        f"| | seconds | × the backup | CPU seconds | peak MB |\n|---|--:|--:|--:|--:|\n{rows}\n"
        f"The aim: {LEAST_TIMES} times faster than kubectl.\n"
    )
