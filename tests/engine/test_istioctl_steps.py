"""Steps of istioctl on a twin: killed at any moment and taken up again they end as unbroken ones, and so does undoing them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resail.engine.engine import Engine
from resail.errors import HaltedError, NotFoundError, RollbackFailedError, StalePlanError
from resail.installers.interface import Installation
from resail.installers.istioctl_rendered import RenderedIstioctl
from resail.journal.fold import fold_run
from resail.journal.sqlite import open_journal
from resail.models.identity import IstioVersion, KindRef, Manifest, ObjectRef
from resail.models.istioctl_marks import as_istioctl_applies, mark_of
from resail.models.journal import RunStarted
from resail.models.plan import (
    ComponentIs,
    Hop,
    InstallBefore,
    InstallRevision,
    IstioctlChange,
    ObjectChange,
    PlanFiles,
    Step,
    UninstallRevision,
    UpgradeCNI,
    UpgradeControlPlane,
)
from resail.models.release import Release
from resail.plan.file import plan_files
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loop import run as run_simulated
from tests.engine.doubles import NoFindings, NoReleases
from tests.engine.test_loop import KilledError, a_plan
from tests.twin.worlds import node

RUN = "r-1"
OLD, NEW = "1.25.1", "1.26.0"
OPERATOR: dict[str, Any] = {"metadata": {"name": "shop", "namespace": "istio-system"}, "spec": {}}
RELEASE = Release(IstioVersion(1, 26, 0), "/nowhere", "test", "sha256:2")
CONFIG_MAP, DEPLOYMENT = KindRef("v1", "ConfigMap"), KindRef("apps/v1", "Deployment")
VALUES = ObjectRef("v1", "ConfigMap", "istio-system", "values")


def workload(name: str, version: str) -> Manifest:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": f"docker.io/istio/{name}:{version}"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "istio-system"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def config_map(name: str, version: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "istio-system"},
        "data": {"version": version},
    }


def objects(version: str, components: Iterable[str], revision: str = "default") -> tuple[Manifest, ...]:
    """The newer version has a ConfigMap that the older has not."""
    end = "" if revision == "default" else f"-{revision}"
    found: dict[str, list[Manifest]] = {
        "Base": [config_map("reader", version)],
        "Pilot": [workload(f"istiod{end}", version), config_map(f"istio{end}", version)],
        "Cni": [workload("cni", version), config_map("cni-config", version)],
    }
    if version == NEW:
        found["Pilot"].append(config_map(f"values{end}", version))
    return tuple(
        as_istioctl_applies(one, component, revision, version, OPERATOR) for component in components for one in found[component]
    )


def change(components: tuple[str, ...], file: str, added: tuple[ObjectRef, ...], revision: str = "default") -> IstioctlChange:
    return IstioctlChange(
        revision=revision,
        from_version=OLD if revision == "default" else "",
        to_version=NEW,
        configuration=OPERATOR,
        components=components,
        manifests=file,
        objects=tuple(ObjectChange(ref, "add") for ref in added),
    )


def in_place() -> PlanFiles:
    """The control plane, then CNI; back in the other order, each with what bears the older version by then."""
    both = ("Base", "Pilot", "Cni")
    first = UpgradeControlPlane(
        id="control-plane",
        title="",
        reason="",
        preconditions=(ComponentIs("Pilot", "default", OLD),),
        undo=InstallBefore(OLD, OPERATOR, both, "back-all.json", added=(VALUES,)),
        change=change(("Base", "Pilot"), "control-plane.json", (VALUES,)),
        revision="default",
    )
    second = UpgradeCNI(
        id="cni",
        title="",
        reason="",
        preconditions=(ComponentIs("Cni", "default", OLD),),
        undo=InstallBefore(OLD, OPERATOR, ("Cni",), "back-cni.json"),
        change=change(both, "cni.json", ()),
    )
    files = {
        "control-plane.json": objects(NEW, ("Base", "Pilot")),
        "cni.json": objects(NEW, both),
        "back-all.json": objects(OLD, both),
        "back-cni.json": objects(OLD, ("Cni",)),
    }
    return with_steps((first, second), files, "default")


def canary() -> PlanFiles:
    added = tuple(ObjectRef.of(one) for one in objects(NEW, ("Pilot",), "1-26-0"))
    step = InstallRevision(
        id="revision",
        title="",
        reason="",
        preconditions=(ComponentIs("Pilot", "1-26-0", ""),),
        undo=UninstallRevision("1-26-0", NEW),
        change=change(("Base", "Pilot"), "revision.json", added, "1-26-0"),
        revision="1-26-0",
    )
    return with_steps((step,), {"revision.json": objects(NEW, ("Base", "Pilot"), "1-26-0")}, "1-26-0")


def with_steps(steps: tuple[Step, ...], files: dict[str, tuple[Manifest, ...]], revision: str) -> PlanFiles:
    hop = Hop(IstioVersion(1, 25, 1), IstioVersion(1, 26, 0), "default", revision, True, "")
    return plan_files(msgspec.structs.replace(a_plan().plan, steps=steps, hops=(hop,)), files)


class Mortal:
    """A writer that writes no more once its process is dead: what it was in the middle of stays as it is."""

    def __init__(self, twin: TwinCluster) -> None:
        self._twin = twin
        self.dead = False

    def __getattr__(self, verb: str) -> Any:
        if self.dead:
            raise asyncio.CancelledError
        return getattr(self._twin, verb)


class Bench:
    """A run on a twin of what istioctl 1.25.1 installed."""

    def __init__(self, twin: TwinCluster, journal: Path) -> None:
        self.twin = twin
        self._path = journal
        self.istioctl = RenderedIstioctl(twin, twin)
        self.journal.append(RUN, RunStarted("sha256:1", "plan.zip", "c"))

    @property
    def journal(self) -> Any:
        """As a new process opens it."""
        return open_journal(self._path, self.twin.clock.now)

    async def go(self, files: PlanFiles, *, undo: bool = False, die: tuple[int, str] | None = None) -> None:
        writer = Mortal(self.twin)

        def observe(call: int, phase: str, verb: str, target: str) -> None:
            if (call, phase) == die:
                writer.dead = True
                raise KilledError

        istioctl = RenderedIstioctl(self.twin, cast(Any, writer))
        observer = observe if die else None
        engine = Engine(self.twin, self.twin, NoReleases(), self.journal, self.twin.clock, NoFindings(), observer, istioctl)
        await (engine.rollback if undo else engine.apply)(files, (RELEASE,), RUN)

    async def goes_on(self, files: PlanFiles, deaths: Iterable[tuple[int, str]], *, undo: bool = False) -> None:
        """Die at these moments, and be taken up each time."""
        for death in deaths:
            if fold_run(self.journal.entries(RUN)).state == ("rolled-back" if undo else "done"):
                return
            try:
                await self.go(files, undo=undo, die=death)
            except KilledError:
                continue
        if fold_run(self.journal.entries(RUN)).state != ("rolled-back" if undo else "done"):
            await self.go(files, undo=undo)

    async def world(self) -> dict[str, Any]:
        """What a person sees: each object with its marks, its content, and how often its pods were replaced."""
        found: dict[str, Any] = {}
        for kind in (CONFIG_MAP, DEPLOYMENT):
            for one in await self.twin.list_objects(kind, namespace="istio-system"):
                if mark_of(one):
                    images = [each["image"] for each in one["spec"]["template"]["spec"]["containers"]] if "spec" in one else []
                    found[one["metadata"]["name"]] = (mark_of(one), one.get("data"), images)
        return found

    async def rollouts(self) -> dict[str, int]:
        sets = await self.twin.list_objects(KindRef("apps/v1", "ReplicaSet"), namespace="istio-system")
        count: dict[str, int] = {}
        for one in sets:
            owner = one["metadata"]["ownerReferences"][0]["name"]
            count[owner] = count.get(owner, 0) + 1
        return count


def on_bench(story: Callable[[Bench], Awaitable[None]], folder: Path) -> None:
    async def whole() -> None:
        async with open_twin() as twin:
            await twin.create(node("one"))
            bench = Bench(twin, folder / "journal.db")
            wanted = Installation(OLD, OPERATOR, objects(OLD, ("Base", "Pilot", "Cni")), 60)
            await bench.istioctl.install(wanted, lambda _: None)
            await twin.clock.sleep(30)
            await story(bench)

    run_simulated(whole())


moments = st.lists(st.tuples(st.integers(1, 8), st.sampled_from(["before", "during", "after"])), max_size=4)


@settings(max_examples=25)
@given(there=moments, back=moments)
def test_in_place_there_and_back_killed_at_any_moment(
    tmp_path_factory: pytest.TempPathFactory, there: list[tuple[int, str]], back: list[tuple[int, str]]
) -> None:
    async def story(bench: Bench) -> None:
        before = await bench.world()
        await bench.goes_on(in_place(), there)
        now = await bench.world()
        assert {mark[2] for mark, _, _ in now.values()} == {NEW}
        assert now.keys() == {*before.keys(), "values"}
        assert await bench.rollouts() == {"istiod": 2, "cni": 2}, "each was replaced once"
        await bench.goes_on(in_place(), back, undo=True)
        assert await bench.world() == before
        assert await bench.rollouts() == {"istiod": 2, "cni": 2}, "its old ReplicaSet came back"

    on_bench(story, tmp_path_factory.mktemp("run"))


@pytest.mark.parametrize("call", [1, 2])
def test_broken_off_and_undone_nothing_is_deleted(tmp_path: Path, call: int) -> None:
    async def story(bench: Bench) -> None:
        before = await bench.world()
        with pytest.raises(KilledError):
            await bench.go(in_place(), die=(call, "during"))
        await bench.go(in_place(), undo=True)
        assert await bench.world() == before

    on_bench(story, tmp_path)


@settings(max_examples=15)
@given(there=moments, back=moments)
def test_a_revision_there_and_back_killed_at_any_moment(
    tmp_path_factory: pytest.TempPathFactory, there: list[tuple[int, str]], back: list[tuple[int, str]]
) -> None:
    async def story(bench: Bench) -> None:
        before = await bench.world()
        await bench.goes_on(canary(), there)
        assert {"istiod", "istiod-1-26-0", "istio", "istio-1-26-0", "values-1-26-0"} < (await bench.world()).keys()
        await bench.goes_on(canary(), back, undo=True)
        # Base stays with the newer version, as with istioctl itself.
        assert {**await bench.world(), "reader": None} == {**before, "reader": None}

    on_bench(story, tmp_path_factory.mktemp("run"))


def test_a_revision_that_something_still_belongs_to_is_not_removed(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.go(canary())
        gateway = as_istioctl_applies(workload("gateway", NEW), "IngressGateways", "1-26-0", NEW, OPERATOR)
        await bench.twin.create(gateway)
        with pytest.raises(RollbackFailedError, match=r"removing it would take istio-system/Deployment/gateway along"):
            await bench.go(canary(), undo=True)
        assert "istiod-1-26-0" in await bench.world()

    on_bench(story, tmp_path)


def test_another_version_that_was_installed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.go(in_place())
        for one in (workload("cni", "1.27.9"), config_map("cni-config", "1.27.9")):
            newer = as_istioctl_applies(one, "Cni", "default", "1.27.9", OPERATOR)
            await bench.twin.apply(newer, manager="istio-operator", force=True)
        before = await bench.world()
        with pytest.raises(RollbackFailedError, match=r"is of version 1\.27\.9, which this run did not install"):
            await bench.go(in_place(), undo=True)
        assert await bench.world() == before

    on_bench(story, tmp_path)


def test_a_mesh_that_somebody_upgraded_is_not_what_was_planned_for(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        wanted = Installation(NEW, OPERATOR, objects(NEW, ("Base", "Pilot", "Cni")), 60)
        await bench.istioctl.install(wanted, lambda _: None)
        with pytest.raises(StalePlanError, match=r"component Pilot of istioctl, revision default, is at 1\.26\.0, not 1\.25\.1"):
            await bench.go(in_place())

    on_bench(story, tmp_path)


def test_a_workload_that_does_not_get_ready_halts(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        files = in_place()
        # No node has room for it.
        for manifest in files.manifests["control-plane.json"]:
            if manifest["kind"] == "Deployment":
                container = manifest["spec"]["template"]["spec"]["containers"][0]
                container["resources"] = {"requests": {"cpu": "1000"}}
        with pytest.raises(HaltedError, match="istiod"):
            await bench.go(files)
        with pytest.raises(NotFoundError):
            await bench.twin.get(ObjectRef("v1", "ConfigMap", "istio-system", "nothing"))

    on_bench(story, tmp_path)
