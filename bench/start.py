"""How long ``resail --help`` takes, beside an interpreter that does nothing."""

import sys
import tempfile
from pathlib import Path

from bench.measuring import Cost, compiled, machine, measure, median
from bench.results import keep

__all__ = ["main"]

RUNS = 20
MOST_MILLISECONDS = 100
"""Over the bare interpreter."""

_BARE = "python -c pass"
_HELP = "resail --help"


def main() -> None:
    """Measure, print the table, and write it to ``bench/results.md``."""
    resail = Path(sys.executable).with_name("resail")
    programs: dict[str, list[str | Path]] = {_BARE: [sys.executable, "-c", "pass"], _HELP: [sys.executable, resail, "--help"]}
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory(prefix="resail-bench-") as folder:
        environment = compiled()
        # The first run is not counted: it finds the files on disk.
        for run in range(RUNS + 1):
            for name, command in programs.items():
                cost = measure(command, Path(folder) / "output", environment)
                costs[name] += [cost] if run else []
    keep("start", _page({name: median(each) for name, each in costs.items()}))


def _page(costs: dict[str, Cost]) -> str:
    rows = "".join(f"| {name} | {1000 * cost.seconds:.0f} | {1000 * cost.cpu_seconds:.0f} |\n" for name, cost in costs.items())
    over = 1000 * (costs[_HELP].seconds - costs[_BARE].seconds)
    return (
        "# Start\n\n"
        f"`python -m bench start`, on {machine()}: medians of {RUNS} runs, taken in turn.\n\n"
        f"| | ms | CPU ms |\n|---|--:|--:|\n{rows}\n"
        f"The help takes {over:.0f} ms more than the bare interpreter; the aim is {MOST_MILLISECONDS} ms.\n"
    )
