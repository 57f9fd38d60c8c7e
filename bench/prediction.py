"""How well a rehearsal on a twin foretells how long a plan takes on the real control plane."""

import asyncio
import os
import platform
from collections.abc import Sequence

import msgspec

from bench.demo_mesh import demo_mesh, plan_upgrade
from bench.results import keep, say
from resail.models.plan import PlanFiles
from resail.models.rehearsal import Rehearsal
from resail.models.snapshot import MeshSnapshot
from resail.operations.copies import copy_on_bed, copy_on_twin
from resail.rehearsal.forecast import forecast
from resail.testbed.mesh.readiness import with_readiness
from resail.testbed.tools import KUBERNETES_VERSION
from resail.twin import loop

__all__ = ["main"]

SEEDS = (15_485_863, 32_452_843, 49_979_687)
"""Used for nothing else: the twin's figures were tuned on others."""

AIM = 0.2
"""Share of the measured duration that a prediction may be off."""


class _Pair(msgspec.Struct, frozen=True):
    seed: int
    foretold: Rehearsal
    real: Rehearsal
    load: float
    """Of the machine, at the beginning of the real run: programs that want to run."""

    @property
    def error(self) -> float:
        return (self.foretold.seconds - self.real.seconds) / self.real.seconds


def main() -> None:
    """Foretell, measure, and write both down."""
    mesh = demo_mesh()
    pairs: list[_Pair] = []
    for seed in SEEDS:
        drawn = with_readiness(mesh, seed)
        files = plan_upgrade(drawn)
        foretold = loop.run(_on_twin(files, drawn))
        say(f"seed {seed}: foretold {foretold.seconds:.1f} s")
        load = os.getloadavg()[0]
        real = asyncio.run(_on_bed(files, drawn))
        if (foretold.state, real.state) != ("done", "done"):
            raise SystemExit(f"seed {seed}: the run is {foretold.state} on the twin, {real.state} on the bed: {real.detail}")
        pairs.append(_Pair(seed, foretold, real, load))
        say(f"seed {seed}: measured {real.seconds:.1f} s")
    keep("prediction", _page(pairs))


async def _on_twin(files: PlanFiles, mesh: MeshSnapshot) -> Rehearsal:
    async with copy_on_twin(files, mesh, 0) as copy:
        return await forecast(copy, files, mesh.budgets, 0)


async def _on_bed(files: PlanFiles, mesh: MeshSnapshot) -> Rehearsal:
    async with copy_on_bed(files.plan, mesh, (), say) as copy:
        return await forecast(copy, files, mesh.budgets, 0)


def _page(pairs: Sequence[_Pair]) -> str:
    lines = ["| seed | foretold | measured | error | load |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {pair.seed} | {pair.foretold.seconds:.1f} s | {pair.real.seconds:.1f} s | {pair.error:+.1%} | {pair.load:.1f} |"
        for pair in pairs
    ]
    worst = max(abs(pair.error) for pair in pairs)
    return (
        "# What a rehearsal foretells\n\n"
        "`python -m bench prediction`: the demo mesh's upgrade on a twin, and then with real Helm on kube-apiserver "
        f"{KUBERNETES_VERSION} with KWOK nodes, on {platform.machine()} with {os.cpu_count()} cores. Each workload takes 5 to "
        "12 s to get ready, drawn from the seed. The load is that of the machine as the real run begins, of which a twin knows "
        "nothing.\n\n" + "\n".join(lines) + f"\n\nThe worst error is {worst:.1%}; the aim is {AIM:.0%}.\n\n" + _steps(pairs)
    )


def _steps(pairs: Sequence[_Pair]) -> str:
    """Where the time goes, over the seeds: the means of each step."""
    lines = ["| step | foretold | measured |", "|---|--:|--:|"]
    for number, step in enumerate(pairs[0].foretold.critical_path):
        means = [
            sum(one.critical_path[number].seconds for one in runs) / len(pairs)
            for runs in ([pair.foretold for pair in pairs], [pair.real for pair in pairs])
        ]
        lines.append(f"| {step.step} | {means[0]:.1f} s | {means[1]:.1f} s |")
    return "\n".join(lines) + "\n"
