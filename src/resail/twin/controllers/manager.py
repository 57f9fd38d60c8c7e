"""Runs the controllers: each looks at what changed a moment ago, in simulated time."""

import asyncio
import heapq
from collections.abc import Mapping
from itertools import count

from resail.twin.controllers.budgets import BudgetController
from resail.twin.controllers.cron_jobs import CronJobController
from resail.twin.controllers.daemon_sets import DaemonSetController
from resail.twin.controllers.definitions import DefinitionController
from resail.twin.controllers.deployments import DeploymentController
from resail.twin.controllers.endpoints import EndpointController
from resail.twin.controllers.garbage import GarbageCollector
from resail.twin.controllers.interface import Controller
from resail.twin.controllers.istiod import IstiodController
from resail.twin.controllers.jobs import JobController
from resail.twin.controllers.kubelet import Kubelet
from resail.twin.controllers.namespaces import NamespaceController
from resail.twin.controllers.nodes import NodeController
from resail.twin.controllers.quotas import QuotaController
from resail.twin.controllers.replica_sets import ReplicaSetController
from resail.twin.controllers.scheduler import Scheduler
from resail.twin.controllers.stateful_sets import StatefulSetController
from resail.twin.faults import Faults
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["Controllers"]

_REACTION = 0.05
"""Seconds from a change to what a controller does about it: a hop on the test bed."""

_Item = tuple[int, Key]
"""Number of a controller, and the object to look at."""


class Controllers:
    """All of them, from now until ``stop``."""

    def __init__(self, server: Server, faults: Faults, ready_seconds: Mapping[str, float]) -> None:
        self._store = server.store
        self._clock = server.store.clock
        self._controllers: tuple[Controller, ...] = (
            DefinitionController(server),
            NamespaceController(server),
            GarbageCollector(server),
            NodeController(server),
            CronJobController(server),
            JobController(server),
            DeploymentController(server),
            StatefulSetController(server),
            DaemonSetController(server),
            ReplicaSetController(server),
            Scheduler(server),
            Kubelet(server, faults, ready_seconds),
            BudgetController(server),
            EndpointController(server),
            QuotaController(server),
            IstiodController(server),
            faults,
        )
        self._due: dict[_Item, float] = {}
        self._heap: list[tuple[float, int, _Item]] = []
        self._order = count()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_due = 0.0
        self._at_work = False
        self._failure: Exception | None = None
        for key in self._store.everything():
            manifest = self._store.get(key)
            self._see(Change(key, None, manifest))
        for key in faults.pending():
            self._look((len(self._controllers) - 1, key), 0.0)
        self._ignore = self._store.listen(self._see)

    def stop(self) -> None:
        self._ignore()
        if self._alarm is not None:
            self._alarm.cancel()

    def check(self) -> None:
        """Raises what a controller has failed with, which is a bug: nothing could be believed after it."""
        if self._failure is not None:
            raise self._failure

    def _see(self, change: Change) -> None:
        for number, controller in enumerate(self._controllers):
            for key in controller.concerns(change):
                self._look((number, key), _REACTION)

    def _look(self, item: _Item, after: float) -> None:
        due = self._clock.monotonic() + after
        if item in self._due and self._due[item] <= due:
            return
        self._due[item] = due
        heapq.heappush(self._heap, (due, next(self._order), item))
        self._set_alarm()

    def _set_alarm(self) -> None:
        """For the next moment at which something is due; not while at work, which looks itself."""
        if self._at_work or not self._heap:
            return
        due = self._heap[0][0]
        if self._alarm is not None:
            if self._alarm_due <= due:
                return
            self._alarm.cancel()
        self._alarm_due = due
        self._alarm = asyncio.get_running_loop().call_later(max(0.0, due - self._clock.monotonic()), self._work)

    def _work(self) -> None:
        """All that is due."""
        self._alarm, self._at_work = None, True
        now = self._clock.monotonic() + 1e-6
        while self._heap and self._heap[0][0] <= now and self._failure is None:
            due, _, item = heapq.heappop(self._heap)
            if self._due.get(item) != due:
                continue
            del self._due[item]
            number, key = item
            try:
                again = self._controllers[number].reconcile(key)
            except Exception as failure:
                self._failure = failure
                return
            if again is not None:
                self._look(item, max(again, _REACTION))
        self._store.save()
        self._at_work = False
        self._set_alarm()
