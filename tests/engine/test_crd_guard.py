"""CRDs and their objects survive whatever is undone; on a twin, and by real Helm on the bed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import msgspec
import pytest
import yaml

from resail.cluster import Clock, Cluster, get_if_there
from resail.engine.engine import Engine
from resail.errors import HaltedError, RollbackFailedError
from resail.installers.helm import open_helm
from resail.installers.interface import Installer
from resail.installers.rendered import RenderedInstaller
from resail.journal.fold import fold_run
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.kube import connect
from resail.kube.clock import SystemClock
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.journal import RunStarted, StepOutcome
from resail.models.plan import HelmChange, ObjectChange, PlanFiles, RollbackRelease, UninstallRelease, UpgradeCRDs
from resail.models.release import Release
from resail.plan.file import plan_files
from resail.testbed.bed import Bed
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.contract.test_custom_kinds import definition
from tests.engine.doubles import NoFindings
from tests.engine.test_loop import a_plan

GROUP = "example.org"
BOATS = ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"boats.{GROUP}")
DINGHY = ObjectRef(f"{GROUP}/v1", "Boat", "default", "dinghy")
BASE = "default/base"
MAP: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "base", "namespace": "default"}}
OLD, NEW = (MAP,), (definition(GROUP), MAP)
"""The CRD does not ask to be kept, as that of WorkloadGroup does not."""


class World:
    """A cluster, and runs of plans of one step."""

    def __init__(self, cluster: Cluster, installer: Installer, clock: Clock, folder: Path) -> None:
        self.cluster = cluster
        self._installer = installer
        self._clock = clock
        self._folder = folder

    async def install(self, objects: tuple[Manifest, ...]) -> None:
        """By somebody, before the run."""
        await self._installer.apply(change("install", ()), objects, self._charts(objects), run="")

    async def go(self, name: str, objects: tuple[Manifest, ...], files: PlanFiles, *, undo: bool = False) -> SqliteJournal:
        self._charts(objects)
        journal = open_journal(self._folder / f"{name}.db", self._clock.now)
        if not journal.runs():
            journal.append(name, RunStarted("sha256:1", "plan.zip", "c"))
        engine = Engine(self.cluster, self.cluster, self._installer, journal, self._clock, NoFindings())
        release = Release(IstioVersion(1, 27, 9), str(self._folder), "test", "sha256:2")
        await (engine.rollback if undo else engine.apply)(files, (release,), name)
        return journal

    async def has(self, ref: ObjectRef) -> bool:
        return await get_if_there(self.cluster, ref) is not None

    async def use_it(self) -> None:
        boat = {"apiVersion": DINGHY.api_version, "kind": DINGHY.kind, "spec": {"size": 2}}
        await self.cluster.create({**boat, "metadata": {"name": DINGHY.name, "namespace": DINGHY.namespace}})

    async def until_gone(self, ref: ObjectRef) -> None:
        for _ in range(60):
            if not await self.has(ref):
                return
            await self._clock.sleep(0.5)
        raise AssertionError(f"{ref} is still there")

    def _charts(self, objects: tuple[Manifest, ...]) -> Path:
        chart = self._folder / "charts" / "base"
        (chart / "templates").mkdir(parents=True, exist_ok=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: base\nversion: 1.27.9\n")
        (chart / "templates" / "all.yaml").write_text(yaml.safe_dump_all(objects))
        return chart.parent


Action = Literal["install", "upgrade"]


def change(action: Action, changes: tuple[ObjectChange, ...]) -> HelmChange:
    return HelmChange("base", "default", "base", action, "", "1.27.9", {}, "b.json", changes)


def a_step(action: Action, objects: tuple[Manifest, ...], changes: tuple[ObjectChange, ...]) -> PlanFiles:
    undo = UninstallRelease(BASE) if action == "install" else RollbackRelease(BASE, 1)
    step = UpgradeCRDs(id="crds", title="", reason="", undo=undo, change=change(action, changes))
    return plan_files(msgspec.structs.replace(a_plan().plan, steps=(step,)), {"b.json": objects})


async def a_release_goes_back(world: World) -> None:
    """Helm would delete the CRD that only the newer manifest has."""
    await world.install(OLD)
    files = a_step("upgrade", NEW, (ObjectChange(BOATS, "add"),))
    await world.go("upgrade", NEW, files)
    await world.use_it()
    journal = await world.go("upgrade", NEW, files, undo=True)
    assert fold_run(journal.entries("upgrade")).state == "rolled-back"
    assert await world.has(DINGHY)
    outcomes = [entry.body for entry in journal.entries("upgrade") if isinstance(entry.body, StepOutcome)]
    assert outcomes[-1].detail == f"{BASE} is back at revision 1; {BOATS.name} stay"


async def a_release_that_was_installed_goes(world: World) -> None:
    """Helm would uninstall the CRD, whatever the live object says."""
    files = a_step("install", NEW, (ObjectChange(BOATS, "add"),))
    await world.go("install", NEW, files)
    await world.use_it()
    with pytest.raises(RollbackFailedError, match=rf"{BOATS.name} has default/dinghy"):
        await world.go("install", NEW, files, undo=True)
    assert await world.has(DINGHY)
    await world.cluster.delete(DINGHY)
    await world.go("install", NEW, files, undo=True)
    await world.until_gone(BOATS)


async def a_release_drops_it(world: World) -> None:
    """Forwards it is the same: an upgrade to a manifest without the CRD."""
    await world.install(NEW)
    await world.use_it()
    with pytest.raises(HaltedError, match=rf"{BOATS.name} has default/dinghy"):
        await world.go("drop", OLD, a_step("upgrade", OLD, (ObjectChange(BOATS, "remove"),)))
    assert await world.has(DINGHY)


Story = Callable[[World], Awaitable[None]]


@pytest.mark.parametrize("story", [a_release_goes_back, a_release_that_was_installed_goes, a_release_drops_it])
def test_on_a_twin(story: Story, tmp_path: Path) -> None:
    async def whole() -> None:
        async with open_twin() as twin:
            await story(World(twin, RenderedInstaller(twin, twin), twin.clock, tmp_path))

    run(whole())


@pytest.mark.bed
def test_by_real_helm(empty_bed: Bed, tmp_path: Path) -> None:
    async def whole() -> None:
        async with connect(empty_bed.kubeconfig) as cluster, open_helm(cluster.access, cluster, cluster) as helm:
            world = World(cluster, helm, SystemClock(), tmp_path)
            await a_release_that_was_installed_goes(world)
            await a_release_goes_back(world)

    asyncio.run(whole())
