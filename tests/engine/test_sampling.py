"""Counting the data plane beside a run: changes only, seldom enough, and never to the run's harm."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from resail.cluster import Clock
from resail.engine.calls import Calls, NumberedInstaller, NumberedWriter
from resail.engine.context import Context
from resail.engine.engine import Engine
from resail.engine.istioctl_calls import NumberedIstioctl
from resail.engine.sampling import Sampler
from resail.errors import ClusterUnreachableError
from resail.journal.fold import fold_measurements
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.models.identity import KindRef, Manifest
from resail.models.journal import BudgetCounts, Measured, RunFinished, RunStarted
from tests.engine.doubles import Labels, NoFindings, NoReleases, StoppedClock
from tests.engine.test_loop import OLD, RELEASE, RUN, a_plan

T = TypeVar("T")


class LoopClock:
    """Goes as the loop's time does, which the tests make stand still while nothing sleeps."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.monotonic(), UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Mesh(Labels):
    """Pods and budgets that can be listed, slowly or not at all."""

    def __init__(self) -> None:
        super().__init__(OLD)
        self.pods: list[Manifest] = []
        self.budgets: list[Manifest] = []
        self.takes = 0.0
        self.down = False
        self.lists = 0

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        self.lists += kind.kind == "Pod"
        if self.takes:
            await asyncio.sleep(self.takes)
        if self.down:
            raise ClusterUnreachableError("no answer", on="the cluster")
        found = {"Pod": self.pods, "PodDisruptionBudget": self.budgets}[kind.kind]
        return [msgspec.convert(manifest, shape) for manifest in found]


class Restless(Mesh):
    """Never the same twice."""

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        self.pods = [a_pod("1.26.0")] * (1 + self.lists % 2)
        return await super().list_shapes(kind, shape, namespace=namespace, labels=labels, fields=fields)


def a_pod(version: str, *, app: str = "cart", owner: str = "ReplicaSet", phase: str = "Running", **metadata: Any) -> Manifest:
    references = [{"apiVersion": "x", "kind": owner, "name": "x", "controller": True}]
    containers = [{"name": "app", "image": "app:1"}]
    if version:
        containers.append({"name": "istio-proxy", "image": f"docker.io/istio/proxyv2:{version}"})
    return {
        "metadata": {"name": "p", "namespace": "shop", "labels": {"app": app}, "ownerReferences": references, **metadata},
        "spec": {"containers": containers},
        "status": {"phase": phase},
    }


def a_budget(name: str, app: str, healthy: int, namespace: str = "shop") -> Manifest:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": app}}},
        "status": {"currentHealthy": healthy, "desiredHealthy": 2, "expectedPods": 3},
    }


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    journal = open_journal(tmp_path / "journal.db")
    journal.append(RUN, RunStarted("sha256:1", "plan.zip", "c"))
    return journal


def a_sampler(mesh: Mesh, journal: SqliteJournal, clock: Clock) -> Sampler:
    calls = Calls(journal, RUN, None)
    context = Context(
        reader=mesh,
        writer=NumberedWriter(mesh, calls),
        installer=NumberedInstaller(NoReleases(), calls),
        istioctl=NumberedIstioctl(None, calls),
        journal=journal,
        clock=clock,
        verifier=NoFindings(),
        files=a_plan(),
        releases=(RELEASE,),
        run=RUN,
    )
    return Sampler(context)


def measured(journal: SqliteJournal) -> list[Measured]:
    return [entry.body for entry in journal.entries(RUN) if isinstance(entry.body, Measured)]


async def test_pods_that_stay_are_counted_by_proxy_and_budgets_over_them(journal: SqliteJournal) -> None:
    mesh = Mesh()
    mesh.pods = [
        a_pod("1.26.0"),
        a_pod("1.26.0-distroless"),
        a_pod("1.27.9"),
        a_pod(""),
        a_pod("1.26.0", owner="Job"),
        a_pod("1.26.0", phase="Succeeded"),
        a_pod("1.26.0", deletionTimestamp="2026-01-31T12:00:00Z"),
    ]
    mesh.budgets = [a_budget("cart", "cart", 3), a_budget("other", "other", 3), a_budget("elsewhere", "cart", 3, "outside")]
    await a_sampler(mesh, journal, StoppedClock()).count()
    assert measured(journal) == [Measured({"1.26.0": 2, "1.27.9": 1}, {"shop/cart": BudgetCounts(3, 2, 3)})]


async def test_only_what_changed_is_written(journal: SqliteJournal) -> None:
    mesh = Mesh()
    mesh.pods = [a_pod("1.26.0"), a_pod("1.26.0", app="web")]
    mesh.budgets = [a_budget("cart", "cart", 3), a_budget("web", "web", 3)]
    sampler = a_sampler(mesh, journal, StoppedClock())
    for _ in range(5):
        await sampler.count()
    mesh.budgets[0] = a_budget("cart", "cart", 2)
    await sampler.count()
    del mesh.budgets[1]
    await sampler.count()
    # A process that takes the run up knows what was written before.
    await a_sampler(mesh, journal, StoppedClock()).count()
    assert [each.budgets for each in measured(journal)[1:]] == [{"shop/cart": BudgetCounts(2, 2, 3)}, {"shop/web": None}]
    assert fold_measurements(journal.entries(RUN))[-1].budgets == {"shop/cart": BudgetCounts(2, 2, 3)}


async def test_a_cluster_that_does_not_answer_is_passed_over(journal: SqliteJournal) -> None:
    mesh = Mesh()
    mesh.pods = [a_pod("1.26.0")]
    mesh.down = True
    engine = Engine(mesh, mesh, NoReleases(), journal, StoppedClock(), NoFindings())
    await engine.apply(a_plan(), (RELEASE,), RUN)
    assert isinstance(journal.entries(RUN)[-1].body, RunFinished)
    assert (measured(journal), mesh.lists > 0) == ([], True)


async def test_a_run_is_counted_from_its_start_to_its_end(journal: SqliteJournal) -> None:
    mesh = Mesh()
    mesh.pods = [a_pod("1.26.0")]
    engine = Engine(mesh, mesh, NoReleases(), journal, StoppedClock(), NoFindings())
    await engine.apply(a_plan(), (RELEASE,), RUN)
    mesh.pods = [a_pod("1.27.9")]
    await engine.rollback(a_plan(), (RELEASE,), RUN)
    assert [each.pods for each in measured(journal)] == [{"1.26.0": 1}, {"1.27.9": 1}]
    assert sorted(mesh.writes) == sorted([*OLD, *OLD]), "only the steps write"
    assert isinstance(journal.entries(RUN)[-1].body, RunFinished)


@pytest.mark.looptime
async def test_what_changes_while_a_step_works_is_seen(journal: SqliteJournal) -> None:
    mesh = Mesh()
    mesh.pods = [a_pod("1.26.0")]
    sampler = a_sampler(mesh, journal, LoopClock())

    async def work() -> str:
        await asyncio.sleep(10)
        mesh.pods = [a_pod("1.27.9")]
        await asyncio.sleep(10)
        mesh.pods = [a_pod("1.27.9"), a_pod("1.27.9")]
        return "done"

    assert await sampler.during(work()) == "done"
    assert [each.pods for each in measured(journal)] == [{"1.26.0": 1}, {"1.27.9": 1}]
    await asyncio.sleep(60)
    lists = mesh.lists
    await asyncio.sleep(60)
    assert mesh.lists == lists, "between steps nothing counts by itself"


@pytest.mark.looptime
async def test_counting_takes_a_twentieth_of_the_time_at_most(journal: SqliteJournal) -> None:
    mesh = Mesh()
    mesh.takes = 2.0  # Each of two lists.
    sampler = a_sampler(mesh, journal, LoopClock())
    await sampler.during(asyncio.sleep(4000))
    assert 40 <= mesh.lists <= 51


@pytest.mark.looptime
async def test_short_steps_of_a_slow_cluster_are_not_each_counted(journal: SqliteJournal) -> None:
    mesh = Mesh()
    mesh.takes = 2.0
    sampler = a_sampler(mesh, journal, LoopClock())
    for _ in range(100):
        await sampler.during(asyncio.sleep(1))
        await sampler.between()
    assert 1 <= mesh.lists <= 3


@pytest.mark.looptime
async def test_a_long_run_that_never_stands_still_leaves_a_bounded_journal(journal: SqliteJournal) -> None:
    mesh = Restless()
    await a_sampler(mesh, journal, LoopClock()).during(asyncio.sleep(24 * 3600))
    # One in 3 s for ten minutes, then one in a 200th of the time so far: 200 + 200 ln(86400 / 600).
    assert 600 < len(measured(journal)) < 1250


@pytest.mark.looptime
async def test_a_big_mesh_is_counted_more_seldom_also_where_listing_takes_no_time(journal: SqliteJournal) -> None:
    mesh = Mesh()
    mesh.pods = [a_pod("1.26.0")] * 10_000
    sampler = a_sampler(mesh, journal, LoopClock())
    await sampler.during(asyncio.sleep(500))
    assert 9 <= mesh.lists <= 11


@pytest.mark.looptime
@pytest.mark.parametrize("error", [ClusterUnreachableError("gone", on="x"), asyncio.CancelledError()])
async def test_what_ends_the_work_ends_the_counting(journal: SqliteJournal, error: BaseException) -> None:
    mesh = Mesh()
    mesh.takes = 1.0
    sampler = a_sampler(mesh, journal, LoopClock())

    async def work() -> None:
        await asyncio.sleep(0.5)
        raise error

    with pytest.raises(type(error)):
        await sampler.during(work())
    lists = mesh.lists
    await asyncio.sleep(60)
    assert mesh.lists == lists
