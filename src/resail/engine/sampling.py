"""Count the data plane while a run works, for the plots of its record: pods by proxy version, and budgets."""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from resail.engine.context import Context
from resail.errors import ResailError
from resail.journal.fold import fold_measurements
from resail.models.identity import KindRef
from resail.models.journal import BudgetCounts, Measured
from resail.snapshot.shapes import Budget, PodShape
from resail.snapshot.workloads import image_version

__all__ = ["Sampler"]

T = TypeVar("T")

_POD = KindRef("v1", "Pod")
_BUDGET = KindRef("policy/v1", "PodDisruptionBudget")

_INTERVAL = 3.0  # seconds between two counts of a small mesh
_REST = 19.0  # times that a count took until the next one: never more than 5 % of the time
_PODS_A_SECOND = 200.0  # the same for a cluster that answers in no time of its own clock: 10,000 pods each 50 seconds
_POINTS = 200.0  # more than so many points of the run so far cannot be told apart in a plot


class Sampler:
    """Journals a ``Measured`` where a count differs from the last one. It only reads, and no failure of it stops a run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = context.clock.monotonic()
        self._rested = self._due = self._began
        known = fold_measurements(context.journal.entries(context.run))
        self._pods = known[-1].pods if known else {}
        self._budgets = known[-1].budgets if known else {}

    async def during(self, work: Awaitable[T]) -> T:
        """Do the work of a step, and count every few seconds meanwhile."""
        counting = asyncio.ensure_future(self._keep_counting())
        try:
            return await work
        finally:
            counting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await counting

    async def between(self) -> None:
        """Count after a step, unless counting costs too much of the time already."""
        if self._context.clock.monotonic() >= self._rested:
            await self.count()

    async def count(self) -> None:
        """Count now; a cluster that does not answer is passed over."""
        clock = self._context.clock
        before = clock.monotonic()
        pods: list[PodShape] = []
        try:
            pods = await self._context.reader.list_shapes(_POD, PodShape)
            budgets = await self._context.reader.list_shapes(_BUDGET, Budget)
            self._note(pods, budgets)
        except ResailError:
            pass
        finally:
            now = clock.monotonic()
            self._rested = now + _REST * (now - before)
            self._due = max(self._rested, now + max(_INTERVAL, len(pods) / _PODS_A_SECOND, (now - self._began) / _POINTS))

    async def _keep_counting(self) -> None:
        clock = self._context.clock
        while True:
            await clock.sleep(max(self._due - clock.monotonic(), 0.0))
            await self.count()

    def _note(self, pods: Iterable[PodShape], budgets: Iterable[Budget]) -> None:
        mesh = [pod for pod in pods if _counts(pod)]
        versions = dict(sorted(Counter(image_version(pod.proxy.image) for pod in mesh if pod.proxy).items()))
        counted = _over(mesh, budgets)
        changed = {name: counts for name, counts in counted.items() if self._budgets.get(name) != counts}
        gone = dict.fromkeys(self._budgets.keys() - counted.keys())
        if versions != self._pods or changed or gone:
            self._context.journal.append(self._context.run, Measured(versions, {**changed, **gone}))
            self._pods, self._budgets = versions, counted


def _counts(pod: PodShape) -> bool:
    """Has it a proxy, is it there to stay? Pods of Jobs come and go by the clock."""
    owner = pod.metadata.owner
    return (
        pod.proxy is not None
        and pod.metadata.deletion_timestamp is None
        and pod.status.phase not in ("Succeeded", "Failed")
        and (owner is None or owner.kind != "Job")
    )


def _over(pods: Iterable[PodShape], budgets: Iterable[Budget]) -> dict[str, BudgetCounts]:
    """The budgets that select one of the pods."""
    labels: dict[str, list[dict[str, str]]] = defaultdict(list)
    for pod in pods:
        labels[pod.metadata.namespace].append(pod.metadata.labels)
    return {
        f"{budget.metadata.namespace}/{budget.metadata.name}": BudgetCounts(
            budget.status.current_healthy, budget.status.desired_healthy, budget.status.expected_pods
        )
        for budget in budgets
        if budget.spec.selector is not None and any(budget.spec.selector.fits(each) for each in labels[budget.metadata.namespace])
    }
