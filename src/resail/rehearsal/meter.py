"""Looks at every change of a pod while a plan is rehearsed: the peaks, the budgets' worst moments, and who was ready when."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

import msgspec

from resail.cluster import Clock, ClusterReader
from resail.models.identity import KindRef, ObjectRef
from resail.models.rehearsal import BudgetLow, Peaks
from resail.models.selector import Selector
from resail.models.snapshot import DisruptionBudget
from resail.snapshot.shapes import Owner, PodShape
from resail.snapshot.workloads import requests_of

__all__ = ["Meter", "metered"]

_POD = KindRef("v1", "Pod")


@asynccontextmanager
async def metered(reader: ClusterReader, clock: Clock, budgets: Sequence[DisruptionBudget]) -> AsyncIterator["Meter"]:
    """A meter that has seen the pods as they are, and looks on until the end of the context."""
    meter = Meter(clock, budgets)
    synced = asyncio.Event()
    task = asyncio.ensure_future(meter.follow(reader, synced))
    try:
        await synced.wait()
        yield meter
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class _Share(NamedTuple):
    """What one pod adds to the sums."""

    pods: int
    cpu_millis: int
    memory_bytes: int
    selected_by: frozenset[int]
    """Budgets, by their number."""
    ready: bool


_NOTHING = _Share(0, 0, 0, frozenset(), False)


class _GotReady(NamedTuple):
    time: datetime
    namespace: str
    owner: Owner


class Meter:
    """What was seen. Sums are kept up to date pod by pod, so that a mesh of ten thousand is no burden."""

    def __init__(self, clock: Clock, budgets: Sequence[DisruptionBudget]) -> None:
        self._clock = clock
        self._budgets = [budget for budget in budgets if budget.selector]
        self._selectors = [msgspec.convert(budget.selector, Selector) for budget in self._budgets]
        self._shares: dict[str, _Share] = {}
        self._pods = self._cpu_millis = self._memory_bytes = 0
        self._ready = [0] * len(self._budgets)
        self._selected = [0] * len(self._budgets)
        self._began_with = 0
        self._began_selected = [0] * len(self._budgets)
        self._lowest = [0] * len(self._budgets)
        self._peaks = Peaks(0, 0, 0)
        self._got_ready: list[_GotReady] = []

    async def follow(self, reader: ClusterReader, synced: asyncio.Event) -> None:
        """Look on, until it is cancelled."""
        async for event in reader.watch(_POD):
            if event.type == "SYNCED":
                self._began_with, self._began_selected, self._lowest = self._pods, [*self._selected], [*self._ready]
                synced.set()
            else:
                self._see(msgspec.convert(event.object, PodShape), gone=event.type == "DELETED")
            if synced.is_set():
                self._look()

    @property
    def peaks(self) -> Peaks:
        return self._peaks

    @property
    def budgets(self) -> tuple[BudgetLow, ...]:
        """The tightest first."""
        lows = [
            BudgetLow(f"{budget.ref.namespace}/{budget.ref.name}", lowest, budget.desired_healthy, pods)
            for budget, lowest, pods in zip(self._budgets, self._lowest, self._began_selected, strict=True)
        ]
        return tuple(sorted(lows, key=lambda low: (low.ready - low.needed, low.ready / max(low.pods, 1), low.budget)))

    def last_ready(self, workloads: Iterable[ObjectRef], begun: datetime, ended: datetime) -> str:
        """Of the workloads the one whose pod got ready last between the two moments; empty where none did."""
        wanted = list(workloads)
        for seen in reversed(self._got_ready):
            if begun <= seen.time <= ended:
                for ref in wanted:
                    if seen.namespace == ref.namespace and seen.owner.works_for(ref.kind, ref.name):
                        return str(ref)
        return ""

    def _see(self, pod: PodShape, *, gone: bool) -> None:
        uid = pod.metadata.uid
        before = self._shares.pop(uid, _NOTHING)
        after = _NOTHING if gone else self._share(pod)
        if not gone:
            self._shares[uid] = after
        if after.ready and not before.ready and pod.metadata.owner is not None:
            self._got_ready.append(_GotReady(self._clock.now(), pod.metadata.namespace, pod.metadata.owner))
        for share, sign in ((before, -1), (after, 1)):
            self._pods += sign * share.pods
            self._cpu_millis += sign * share.cpu_millis
            self._memory_bytes += sign * share.memory_bytes
            for number in share.selected_by:
                self._selected[number] += sign
                self._ready[number] += sign * share.ready

    def _share(self, pod: PodShape) -> _Share:
        if pod.metadata.deletion_timestamp is not None or pod.status.phase in ("Succeeded", "Failed"):
            return _NOTHING
        asked = requests_of(pod.spec.containers if pod.spec.node_name else ())
        selected_by = frozenset(
            number
            for number, (budget, selector) in enumerate(zip(self._budgets, self._selectors, strict=True))
            if budget.ref.namespace == pod.metadata.namespace and selector.fits(pod.metadata.labels)
        )
        return _Share(1, asked.cpu_millis, asked.memory_bytes, selected_by, pod.ready)

    def _look(self) -> None:
        self._peaks = Peaks(
            surge_pods=max(self._peaks.surge_pods, self._pods - self._began_with),
            cpu_millis=max(self._peaks.cpu_millis, self._cpu_millis),
            memory_bytes=max(self._peaks.memory_bytes, self._memory_bytes),
        )
        self._lowest = [min(pair) for pair in zip(self._lowest, self._ready, strict=True)]
