"""What a rehearsal foretells, for people."""

from rich.console import Group, RenderableType
from rich.text import Text

from resail.apps.cli.drawing.parts import COLOURS, grid, table
from resail.models.rehearsal import FaultTrial, Rehearsal
from resail.report.durations import seconds_as_words

__all__ = ["draw_rehearsal"]


def draw_rehearsal(rehearsal: Rehearsal) -> RenderableType:
    """The forecast, then each fault."""
    peaks = rehearsal.peaks
    verdict = "The plan comes to its end." if rehearsal.passed else f"The plan does not come to its end: {rehearsal.detail}"
    parts: list[RenderableType] = [
        Text(verdict, style=f"bold {COLOURS.get(rehearsal.state, '')}"),
        grid(
            [
                ("rehearsed on", f"{rehearsal.on}, seed {rehearsal.seed}"),
                ("would take", seconds_as_words(rehearsal.seconds)),
                ("restarts", str(len(rehearsal.restarts))),
                ("most pods above today's", str(peaks.surge_pods)),
                ("most CPU requested", f"{peaks.cpu_millis / 1000:.2f} cores"),
                ("most memory requested", f"{peaks.memory_bytes / 2**30:.2f} GiB"),
                ("gates that would fire", "\n".join(rehearsal.gates) or "none"),
            ]
        ),
        table(
            ("Step", "Takes", "What", "Waits longest for"),
            [(one.step, seconds_as_words(one.seconds), one.title, one.waits_for) for one in rehearsal.critical_path],
            title="\nCritical path",
        ),
    ]
    if rehearsal.budgets:
        rows = [(one.budget, f"{one.ready} of {one.pods}", str(one.needed)) for one in rehearsal.budgets]
        parts.append(table(("PodDisruptionBudget", "Ready at the worst moment", "Needed"), rows, title="Budgets"))
    if rehearsal.restarts:
        parts.append(
            table(("Workload",), [(name,) for name in rehearsal.restarts], title=f"Restarts ({len(rehearsal.restarts)})")
        )
    if rehearsal.faults:
        trials = [(one.fault, one.state, one.step, one.detail, _back(one)) for one in rehearsal.faults]
        parts.append(table(("Fault", "The run is", "At step", "Why", "Rollback"), trials, title="With faults"))
    return Group(*parts)


def _back(trial: FaultTrial) -> str:
    if trial.state == "done":
        return "not needed"
    if not trial.undone:
        return "\n".join(("does not succeed", *trial.left))
    return "\n".join(trial.left) or "leaves all as it was"
