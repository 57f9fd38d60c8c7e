"""How the pods moved from the old version of the proxy to the new one."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from resail.journal.fold import Measurement
from resail.report.durations import clock_time
from resail.report.plots.axes import TimeAxis, count_ticks, stairs
from resail.report.plots.svg import LEFT, RIGHT, Plot, canvas, draw, rendered, shortened, write

__all__ = ["adoption"]

_TOP = 10.0
_BOTTOM = 170.0
_POINTS = 80  # more dots than that would hide the line


def adoption(measurements: Sequence[Measurement], from_version: str, to_version: str, axis: TimeAxis) -> Plot:
    """Versions beside the two are drawn as one."""
    if not measurements:
        return Plot(sentence="The pods were not counted.")
    series = _series(measurements, from_version, to_version)
    if len(measurements) == 1:
        counted = ", ".join(f"{counts[0]} with {name}" for name, counts in series.items())
        return Plot(sentence=f"The pods were counted once, or did not change: {counted}.")
    last = {name: counts[-1] for name, counts in series.items()}
    told = ", ".join(f"{number} with {name}" for name, number in last.items())
    root = canvas("adoption", f"Pods by the version of their proxy: {told} at the end", _described(series), _BOTTOM + 24)
    axis.draw(root, _TOP, _BOTTOM)
    ticks = count_ticks(max(max(counts) for counts in series.values()))
    for tick in ticks:
        y = _y(tick, ticks[-1])
        draw(root, "line", "grid", x1=LEFT, y1=y, x2=RIGHT, y2=y)
        write(root, LEFT - 8, y + 4, str(tick), "tick end")
    for position, (name, counts) in enumerate(series.items()):
        style = ("new", "old", "other")[position]
        points = [(axis.x(each.time), _y(count, ticks[-1])) for each, count in zip(measurements, counts, strict=True)]
        draw(root, "path", f"curve {style}", name, d=stairs(points, axis.x(axis.end)))
        if len(points) <= _POINTS:
            for (x, y), each, count in zip(points, measurements, counts, strict=True):
                draw(root, "circle", f"dot {style}", f"{clock_time(each.time)}: {count} with {name}", cx=x, cy=y, r=2.4)
        _legend(root, position, style, name, last[name])
    return rendered(root)


def _series(measurements: Sequence[Measurement], from_version: str, to_version: str) -> dict[str, list[int]]:
    """The number of pods at each measurement: of the new version, of the old one, and of all others where there are any."""
    series = {version: [each.pods.get(version, 0) for each in measurements] for version in (to_version, from_version)}
    others = [sum(each.pods.values()) - sum(each.pods.get(version, 0) for version in series) for each in measurements]
    return series | ({"other versions": others} if any(others) else {})


def _described(series: dict[str, list[int]]) -> str:
    return "; ".join(
        f"{name}: {counts[0]} at the start, at least {min(counts)}, at most {max(counts)}, {counts[-1]} at the end"
        for name, counts in series.items()
    )


def _y(count: int, highest: int) -> float:
    return _BOTTOM - count / highest * (_BOTTOM - _TOP)


def _legend(root: Element, position: int, style: str, name: str, last: int) -> None:
    y = _TOP + 16 + 38 * position
    draw(root, "line", f"curve {style}", x1=8, y1=y - 4, x2=34, y2=y - 4)
    write(root, 42, y, shortened(name, LEFT - 90), "label", name)
    write(root, 42, y + 15, f"{last} pods at the end", "small")
