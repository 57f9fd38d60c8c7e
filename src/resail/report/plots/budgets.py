"""The ready share of the tightest PodDisruptionBudgets, each beside the share that it asks for."""

from collections.abc import Sequence
from datetime import datetime
from xml.etree.ElementTree import Element

import msgspec

from resail.journal.fold import Measurement
from resail.models.journal import BudgetCounts
from resail.report.durations import clock_time
from resail.report.plots.axes import TimeAxis, stairs
from resail.report.plots.svg import LEFT, RIGHT, Plot, canvas, draw, number, rendered, shortened, write

__all__ = ["budgets"]

_SHOWN = 3
_PANEL = 92.0  # from one to the next
_HEIGHT = 66.0
_TOP = 10.0


class _Budget(msgspec.Struct, frozen=True):
    """One budget over the time; only moments at which it counts on a pod at all."""

    name: str
    counts: tuple[tuple[datetime, BudgetCounts], ...]

    @property
    def lowest(self) -> BudgetCounts:
        """Where the least share of its pods was ready."""
        return min((counts for _, counts in self.counts), key=lambda counts: (_ready(counts), _ready(counts) - _needed(counts)))


def budgets(measurements: Sequence[Measurement], axis: TimeAxis) -> Plot:
    """Those three whose ready share fell lowest; of equal ones, those that asked for more."""
    known = sorted({name for each in measurements for name in each.budgets})
    counted = [budget for name in known if (budget := _over_time(name, measurements)).counts]
    if not counted:
        said = "No PodDisruptionBudget over pods of the mesh was seen." if measurements else "The budgets were not looked at."
        return Plot(sentence=said)
    tightest = sorted(counted, key=lambda one: (_ready(one.lowest), -_needed(one.lowest), one.name))[:_SHOWN]
    if len(measurements) == 1:
        told = "; ".join(f"{one.name}: {_told(one.lowest)}" for one in tightest)
        return Plot(sentence=f"The budgets were looked at once, or did not change. The tightest: {told}.")
    bottom = _TOP + _PANEL * (len(tightest) - 1) + _HEIGHT
    described = "; ".join(f"{one.name}: at the lowest {_told(one.lowest)}" for one in tightest)
    root = canvas("budgets", "Ready share of the tightest PodDisruptionBudgets", described, bottom + 24)
    axis.draw(root, _TOP, bottom)
    for position, budget in enumerate(tightest):
        _panel(root, budget, axis, _TOP + _PANEL * position)
    return rendered(root)


def _over_time(name: str, measurements: Sequence[Measurement]) -> _Budget:
    found = ((each.time, each.budgets[name]) for each in measurements if name in each.budgets)
    return _Budget(name, tuple((time, counts) for time, counts in found if counts.pods > 0))


def _panel(root: Element, budget: _Budget, axis: TimeAxis, top: float) -> None:
    base = top + _HEIGHT
    for share, text in ((0.0, "0 %"), (1.0, "100 %")):
        y = base - share * _HEIGHT
        draw(root, "line", "grid", x1=LEFT, y1=y, x2=RIGHT, y2=y)
        write(root, LEFT - 8, y + 4, text, "tick end")
    ready = [(axis.x(time), base - _ready(counts) * _HEIGHT) for time, counts in budget.counts]
    needed = [(axis.x(time), base - _needed(counts) * _HEIGHT) for time, counts in budget.counts]
    end = axis.x(axis.end)
    path = stairs(ready, end)
    draw(root, "path", "area", d=f"{path} V{number(base)} H{number(ready[0][0])} Z")
    draw(root, "path", "curve new", f"{budget.name}: ready", d=path)
    draw(root, "path", "curve limit", f"{budget.name}: asked for", d=stairs(needed, end))
    for (x, y), (time, counts) in zip(ready, budget.counts, strict=True):
        if counts.healthy < counts.needed:
            draw(root, "circle", "dot below", f"{clock_time(time)}: {_told(counts)}", cx=x, cy=y, r=3)
    write(root, 8, top + 14, shortened(budget.name, LEFT - 60), "label", budget.name)
    write(root, 8, top + 30, f"lowest {_percent(budget.lowest)}", "small")
    write(root, 8, top + 44, _told(budget.lowest), "small")


def _ready(counts: BudgetCounts) -> float:
    return min(max(counts.healthy / counts.pods, 0.0), 1.0)


def _needed(counts: BudgetCounts) -> float:
    return min(max(counts.needed / counts.pods, 0.0), 1.0)


def _percent(counts: BudgetCounts) -> str:
    return f"{100 * _ready(counts):.0f} %"


def _told(counts: BudgetCounts) -> str:
    return f"{counts.healthy} of {counts.pods} ready, {counts.needed} asked for"
