"""The time axis that all plots share, and the scale of what is counted."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, count
from xml.etree.ElementTree import Element

import msgspec

from resail.models.journal import Entry, RunFinished, RunHalted, RunResumed, StepApproved
from resail.report.durations import duration
from resail.report.plots.svg import LEFT, RIGHT, draw, number, write

__all__ = ["Pause", "TimeAxis", "count_ticks", "stairs", "time_axis"]

_GAP = 34.0  # units that a pause takes, however long it was
_GAPS = 300.0  # units that all of them take at most
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)  # seconds
_TICK_ROOM = 80.0  # units, for a time below it


class Pause(msgspec.Struct, frozen=True):
    """While no process worked on the run."""

    began: datetime
    ended: datetime


class _Piece(msgspec.Struct, frozen=True):
    """A stretch of time and where it is drawn."""

    began: datetime
    ended: datetime
    left: float
    right: float
    pause: bool

    def x(self, time: datetime) -> float:
        whole = (self.ended - self.began).total_seconds()
        share = (time - self.began).total_seconds() / whole if whole else 0.0
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)


class TimeAxis(msgspec.Struct, frozen=True):
    """Time → where it is drawn. All working time has one scale; a pause is cut down to a narrow gap."""

    pieces: tuple[_Piece, ...]

    @property
    def end(self) -> datetime:
        """The last moment."""
        return self.pieces[-1].ended

    @property
    def pauses(self) -> tuple[Pause, ...]:
        """Those that are cut down."""
        return tuple(Pause(piece.began, piece.ended) for piece in self.pieces if piece.pause)

    def x(self, time: datetime) -> float:
        """Where a moment is drawn; one beyond the ends is drawn at the nearer one."""
        index = bisect_right(self.pieces, time, key=lambda piece: piece.began) - 1
        return self.pieces[max(index, 0)].x(time)

    def draw(self, parent: Element, top: float, bottom: float) -> None:
        """Lines at round times, the times below them, and the pauses as bands."""
        for piece in self.pieces:
            if piece.pause:
                told = f"paused for {duration(piece.began, piece.ended)}"
                draw(parent, "rect", "pause", told, x=piece.left, y=top, width=piece.right - piece.left, height=bottom - top)
        last = -math.inf
        for time in self._ticks():
            x = self.x(time)
            draw(parent, "line", "grid", x1=x, y1=top, x2=x, y2=bottom)
            if x - last >= _TICK_ROOM and x <= RIGHT - 20:
                write(parent, x, bottom + 17, self._told(time), "tick middle")
                last = x

    def _ticks(self) -> Iterator[datetime]:
        step = timedelta(seconds=self._step)
        for piece in self.pieces:
            if piece.pause:
                continue
            midnight = piece.began.replace(hour=0, minute=0, second=0, microsecond=0)
            time = midnight + math.ceil((piece.began - midnight) / step) * step
            while time <= piece.ended:
                yield time
                time += step

    def _told(self, time: datetime) -> str:
        if self._step >= 86400:
            return f"{time:%d %b}"
        return f"{time:%H:%M:%S}" if self._step % 60 else f"{time:%H:%M}"

    @property
    def _step(self) -> int:
        """Seconds from one line to the next."""
        work = [piece for piece in self.pieces if not piece.pause]
        seconds = sum((piece.ended - piece.began).total_seconds() for piece in work)
        room = sum(piece.right - piece.left for piece in work) / _TICK_ROOM
        fitting = (step for step in _TICKS if seconds / step <= room)
        return next(fitting, math.ceil(seconds / room / 86400) * 86400)


def time_axis(entries: Sequence[Entry]) -> TimeAxis:
    """The axis of a run, from its entries (at least one)."""
    # A computer's clock may be set back; the order of the entries is what holds.
    times = list(accumulate((entry.time for entry in entries), max))
    start, end = times[0], max(times[-1], times[0] + timedelta(seconds=1))
    return TimeAxis(tuple(_pieces(start, end, list(_pauses(entries, times)))))


def _pauses(entries: Sequence[Entry], times: Sequence[datetime]) -> Iterator[Pause]:
    before: int | None = None
    for index, entry in enumerate(entries):
        if isinstance(entry.body, StepApproved):
            # Written as the run is taken up.
            continue
        if before is not None and (
            isinstance(entry.body, RunResumed) or isinstance(entries[before].body, RunHalted | RunFinished)
        ):
            yield Pause(times[before], times[index])
        before = index


def _pieces(start: datetime, end: datetime, pauses: Sequence[Pause]) -> Iterator[_Piece]:
    total = (end - start).total_seconds()
    lengths = {pause: (pause.ended - pause.began).total_seconds() for pause in pauses}
    working = total - sum(lengths.values())
    # One that can hardly be seen needs no cut; where all is pause, there is nothing to give its room to.
    long = [pause for pause in pauses if lengths[pause] > working / 20] if working > 0 else []
    gap = min(_GAP, _GAPS / max(len(long), 1))
    scale = (RIGHT - LEFT - gap * len(long)) / (total - sum(lengths[pause] for pause in long))
    time, left = start, LEFT
    for pause in long:
        right = left + (pause.began - time).total_seconds() * scale
        yield _Piece(time, pause.began, left, right, False)
        yield _Piece(pause.began, pause.ended, right, right + gap, True)
        time, left = pause.ended, right + gap
    yield _Piece(time, end, left, RIGHT, False)


def count_ticks(highest: int) -> tuple[int, ...]:
    """At most six round numbers, from 0 to at least ``highest``."""
    rounds = (digit * 10**power for power in count() for digit in (1, 2, 5))
    step = next(each for each in rounds if highest <= 5 * each)
    return tuple(range(0, max(math.ceil(highest / step), 1) * step + 1, step))


def stairs(points: Sequence[tuple[float, float]], end: float) -> str:
    """The path of a number that holds until the next point, and then to ``end``."""
    x, y = points[0]
    path = [f"M{number(x)} {number(y)}"]
    for x, y in points[1:]:
        path += [f"H{number(x)}", f"V{number(y)}"]
    return " ".join([*path, f"H{number(end)}"])
