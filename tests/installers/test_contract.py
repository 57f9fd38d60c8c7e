"""The installer of rehearsals leaves what Helm leaves: the same story by both, on the same empty cluster."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resail.errors import ApiConflictError, InstallerError, ResailError
from resail.installers.helm import open_helm
from resail.installers.helm_storage import StoredRelease, decode_release
from resail.installers.interface import Installer
from resail.installers.rendered import RenderedInstaller
from resail.installers.stored_releases import MANAGER
from resail.kube import KubeCluster, connect
from resail.models.identity import IstioVersion, KindRef, Manifest, ObjectRef
from resail.models.plan import FieldOwnerConflict, HelmChange
from resail.models.rendering import RenderRequest
from resail.releases.rendering import open_renderer
from resail.releases.store import default_store
from resail.testbed.bed import Bed
from tests.acceptance.exemptions import ANOTHER_RUN
from tests.acceptance.world import World, differences, world
from tests.conftest import EMPTY

pytestmark = pytest.mark.bed

OLD, NEW = "1.26.0", "1.27.9"
SYSTEM = "istio-system"
RUN = "0123456789ab"
SECRET = KindRef("v1", "Secret")
CRD = KindRef("apiextensions.k8s.io/v1", "CustomResourceDefinition")
VALIDATOR = ObjectRef("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "istio-validator-istio-system")

RELEASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    # What is removed by the new values is removed from the cluster; what is added is added.
    "istio-base": ("base", {}, {}),
    "istiod": (
        "istiod",
        {"meshConfig": {"accessLogFile": "/dev/stdout"}},
        {"autoscaleEnabled": False, "pilot": {"env": {"A": "b"}}},
    ),
    "istio-cni": ("cni", {}, {"resourceQuotas": {"enabled": True}}),
    "edge": ("gateway", {"service": {"type": "ClusterIP"}}, {"service": {"type": "ClusterIP"}, "labels": {"edge": "yes"}}),
}
"""Name → chart, values of the old version, values of the new one."""

CRD_FIELDS = {"metadata.uid", "metadata.resourceVersion", "metadata.creationTimestamp", "metadata.generation", "status"}
"""Server metadata; the status is the API server's."""

Opening = Callable[[KubeCluster], AbstractAsyncContextManager[Installer]]


class Stage(msgspec.Struct):
    """The cluster after one act."""

    world: World
    crds: dict[str, Any]
    releases: list[tuple[dict[str, str], StoredRelease]]
    owned: dict[str, Any]
    """Object → the fields that Helm's field manager owns."""


class Charts:
    """What both install: the charts of both versions, rendered."""

    def __init__(self) -> None:
        self.folders = {v: Path(default_store().get(IstioVersion.parse(v), print).directory) for v in (OLD, NEW)}
        self.objects: dict[tuple[str, str], tuple[Manifest, ...]] = {}

    async def render(self) -> None:
        async with open_renderer() as renderer:
            for version, folder in self.folders.items():
                for name, (chart, *values) in RELEASES.items():
                    request = RenderRequest(chart, name, SYSTEM, values[version == NEW], "1.31.0")
                    self.objects[name, version] = await renderer.render(folder, request)

    async def apply(
        self, installer: Installer, name: str, version: str, *forced: FieldOwnerConflict, action: str = "", run: str = RUN
    ) -> None:
        chart, *values = RELEASES[name]
        act: Any = action or ("install" if version == OLD else "upgrade")
        change = HelmChange(name, SYSTEM, chart, act, "", version, values[version == NEW], "", (), forced=forced)
        await installer.apply(change, self.objects[name, version], self.folders[version] / "charts", run=run)


@asynccontextmanager
async def by_helm(cluster: KubeCluster) -> AsyncIterator[Installer]:
    async with open_helm(cluster.access, cluster, cluster) as installer:
        yield installer


@asynccontextmanager
async def by_rendered(cluster: KubeCluster) -> AsyncIterator[Installer]:
    yield RenderedInstaller(cluster, cluster)


@pytest.fixture(scope="module")
def charts() -> Charts:
    found = Charts()
    asyncio.run(found.render())
    return found


async def story(bed: Bed, charts: Charts, opening: Opening) -> list[Stage]:
    """Up, back, and away again."""
    stages: list[Stage] = []
    async with connect(bed.kubeconfig) as cluster, opening(cluster) as installer:
        await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
        for name in RELEASES:
            await charts.apply(installer, name, OLD, run="")
        stages.append(await stage(bed, cluster))

        istiods = await patched_by_istiod(cluster)
        await charts.apply(installer, "istio-base", NEW)
        with pytest.raises(ApiConflictError):
            await charts.apply(installer, "istiod", NEW)
        await charts.apply(installer, "istiod", NEW, istiods)
        await charts.apply(installer, "istio-cni", NEW)
        await charts.apply(installer, "edge", NEW)
        stages.append(await stage(bed, cluster))

        for name in ("edge", "istio-cni", "istiod", "istio-base"):
            await installer.rollback(f"{SYSTEM}/{name}", 1, run=RUN)
        stages.append(await stage(bed, cluster))

        await installer.uninstall(f"{SYSTEM}/istiod", keep_history=True)
        stages.append(await stage(bed, cluster))
        await installer.rollback(f"{SYSTEM}/istiod", 3, run=RUN)
        stages.append(await stage(bed, cluster))

        for name in reversed(RELEASES):
            await installer.uninstall(f"{SYSTEM}/{name}")
            await installer.uninstall(f"{SYSTEM}/{name}")
        stages.append(await stage(bed, cluster))
    return stages


async def patched_by_istiod(cluster: KubeCluster) -> FieldOwnerConflict:
    """Do to the validator what istiod does once it answers."""
    live = await cluster.get(VALIDATOR)
    entry = live["webhooks"][0]
    patched = {
        **{key: live[key] for key in ("apiVersion", "kind")},
        "metadata": {"name": VALIDATOR.name},
        "webhooks": [{"name": entry["name"], "failurePolicy": "Fail"}],
    }
    await cluster.apply(patched, manager="pilot-discovery", force=True)
    return FieldOwnerConflict(VALIDATOR, f'.webhooks[name="{entry["name"]}"].failurePolicy', "pilot-discovery")


async def stage(bed: Bed, cluster: KubeCluster) -> Stage:
    await _served(bed, cluster)
    found = world(bed)
    secrets = await cluster.list_objects(SECRET, namespace=SYSTEM, labels="owner=helm")
    crds = {crd["metadata"]["name"]: crd for crd in await cluster.list_objects(CRD)}
    return Stage(
        world=found,
        crds={name: _without_server_fields(crd) for name, crd in crds.items()},
        releases=[(_labels(secret), decode_release(secret)) for secret in secrets],
        owned={
            name: entry["fieldsV1"]
            for name, manifest in {**found, **crds}.items()
            for entry in manifest["metadata"].get("managedFields") or ()
            if (entry["manager"], entry["operation"]) == (MANAGER, "Apply")
        },
    )


async def _served(bed: Bed, cluster: KubeCluster) -> None:
    """The API server takes a moment to serve a kind that it lists already, and to forget one that was deleted."""
    await _until(lambda: _none_is_going(cluster))
    for crd in await cluster.list_objects(CRD):
        group, names = crd["spec"]["group"], crd["spec"]["names"]
        for version in crd["spec"]["versions"]:
            path = f"/apis/{group}/{version['name']}/{names['plural']}"
            if version["served"]:
                await _until(partial(_answers, bed, path))


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + 30
    while not await condition():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.1)


async def _none_is_going(cluster: KubeCluster) -> bool:
    return all("deletionTimestamp" not in crd["metadata"] for crd in await cluster.list_objects(CRD))


async def _answers(bed: Bed, path: str) -> bool:
    return bed.api("GET", path).status_code != 404


def _without_server_fields(crd: Manifest) -> Manifest:
    metadata = {key: crd["metadata"][key] for key in ("name", "labels", "annotations")}
    return {"metadata": metadata, "spec": crd["spec"]}


def _labels(secret: Manifest) -> dict[str, str]:
    """Without the two that hold a time."""
    labels = secret["metadata"]["labels"]
    return {key: value for key, value in labels.items() if key not in ("createdAt", "modifiedAt")}


def test_both_leave_the_same(session_bed: Bed, charts: Charts) -> None:
    told: list[list[Stage]] = []
    for opening in (by_helm, by_rendered):
        session_bed.reset(EMPTY)
        told.append(asyncio.run(story(session_bed, charts, opening)))
    for act, helm, ours in zip(("install", "upgrade", "rollback", "remove", "bring back", "uninstall"), *told, strict=True):
        assert differences(helm.world, ours.world, also_exempt=ANOTHER_RUN) == [], act
        assert ours.crds == helm.crds, act
        assert [one for one in ours.releases if one not in helm.releases] == [], act
        assert len(ours.releases) == len(helm.releases), act
        assert sorted(ours.owned) == sorted(helm.owned), act
        assert {name: fields for name, fields in ours.owned.items() if helm.owned[name] != fields} == {}, act
    installed, upgraded, back, removed, again, away = told[1]
    assert differences(installed.world, upgraded.world) != []
    assert "istio-system/HorizontalPodAutoscaler/istiod" in installed.world.keys() - upgraded.world.keys()
    assert "istio-system/HorizontalPodAutoscaler/istiod" in back.world
    assert "istio-system/Deployment/istiod" not in removed.world
    assert {"uninstalled"} == {one.status for _, one in removed.releases if one.name == "istiod" and one.revision == 3}
    assert differences(back.world, again.world, also_exempt=ANOTHER_RUN) == []
    # Of Istio's CRDs, that of WorkloadGroups lacks the annotation that has Helm keep it.
    kept = {
        name for name, crd in installed.crds.items() if crd["metadata"]["annotations"].get("helm.sh/resource-policy") == "keep"
    }
    assert len(kept) == len(installed.crds) - 1
    assert (away.releases, set(away.crds)) == ([], kept), "CRDs stay, history goes"


class DiesAfter:
    """A writer whose user dies after so many writes: what ``ClusterWriter`` has, and nothing comes back from the last."""

    def __init__(self, cluster: KubeCluster, writes: int) -> None:
        self._cluster = cluster
        self._left = writes

    async def _write(self, write: Any, *arguments: Any, **options: Any) -> Any:
        if options.get("dry_run"):
            return await write(*arguments, **options)
        if self._left == 0:
            raise KilledError
        self._left -= 1
        return await write(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        write = getattr(self._cluster, name)

        async def act(*arguments: Any, **options: Any) -> Any:
            return await self._write(write, *arguments, **options)

        return act


class KilledError(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


def test_killed_at_any_write(session_bed: Bed, charts: Charts) -> None:
    """As the engine does it: recover, then the same again; the end is that of the unbroken one."""
    session_bed.reset(EMPTY)
    asyncio.run(_killed_everywhere(session_bed, charts))


async def _killed_everywhere(bed: Bed, charts: Charts) -> None:
    release = f"{SYSTEM}/istio-cni"
    async with connect(bed.kubeconfig) as cluster:
        await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
        whole = RenderedInstaller(cluster, cluster)
        for action in ("install", "upgrade", "rollback", "uninstall"):
            expected: list[Any] = []
            for writes in range(100):
                await _fresh(whole, charts, release, action)
                killed = await _act_and_die(RenderedInstaller(cluster, DiesAfter(cluster, writes)), charts, release, action)
                if killed:
                    await whole.recover(release, run=RUN, unfinished=True)
                    if not await _is_done(whole, release, action):
                        await _act(whole, charts, release, action)
                    expected.append(_end(await stage(bed, cluster)))
                else:
                    unbroken = _end(await stage(bed, cluster))
                    assert len(expected) == writes > 3
                    assert [number for number, end in enumerate(expected) if end != unbroken] == [], action
                    break
            else:
                raise AssertionError(f"{action} has no end")
            await whole.uninstall(release)


def _end(found: Stage) -> Any:
    """What must be alike: objects by what Helm owns of them, and the records."""
    objects = {
        name: manifest.get("spec") or manifest.get("data") for name, manifest in found.world.items() if "istio-cni" in name
    }
    return objects, found.owned, sorted((stored for _, stored in found.releases), key=lambda stored: stored.revision)


async def _fresh(installer: Installer, charts: Charts, release: str, action: str) -> None:
    await installer.uninstall(release)
    if action != "install":
        await charts.apply(installer, "istio-cni", OLD, run="" if action == "upgrade" else RUN)
    if action == "rollback":
        await charts.apply(installer, "istio-cni", NEW)


async def _act_and_die(installer: Installer, charts: Charts, release: str, action: str) -> bool:
    try:
        await _act(installer, charts, release, action)
    except KilledError:
        return True
    return False


async def _act(installer: Installer, charts: Charts, release: str, action: str) -> None:
    match action:
        case "install":
            await charts.apply(installer, "istio-cni", OLD)
        case "upgrade":
            await charts.apply(installer, "istio-cni", NEW)
        case "rollback":
            await installer.rollback(release, 1, run=RUN)
        case _:
            await installer.uninstall(release)


async def _is_done(installer: Installer, release: str, action: str) -> bool:
    state = await installer.state(release)
    done = {"install": (1, OLD), "upgrade": (2, NEW), "rollback": (3, OLD)}
    if action == "uninstall":
        return state is None
    return state is not None and state.status == "deployed" and (state.revision, state.chart_version) == done[action]


@pytest.mark.parametrize("opening", [by_helm, by_rendered])
def test_what_is_refused(session_bed: Bed, charts: Charts, opening: Opening) -> None:
    session_bed.reset(EMPTY)
    asyncio.run(_refusals(session_bed, charts, opening))


async def _refusals(bed: Bed, charts: Charts, opening: Opening) -> None:
    async with connect(bed.kubeconfig) as cluster, opening(cluster) as installer:
        await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
        with pytest.raises(InstallerError):
            await charts.apply(installer, "istio-cni", NEW, action="upgrade")
        account = next(one for one in charts.objects["istio-cni", OLD] if one["kind"] == "ServiceAccount")
        await cluster.create({**account, "metadata": {key: account["metadata"][key] for key in ("name", "namespace")}})
        with pytest.raises(InstallerError):
            await charts.apply(installer, "istio-cni", OLD)
        await cluster.delete(ObjectRef.of(account))
        await _clear(installer)
        await charts.apply(installer, "istio-cni", OLD)
        with pytest.raises(InstallerError):
            await charts.apply(installer, "istio-cni", OLD)
        with pytest.raises(ResailError):
            await installer.rollback(f"{SYSTEM}/istio-cni", 7, run=RUN)
        for _ in range(3):
            await charts.apply(installer, "istio-cni", NEW)
        history = await cluster.list_objects(SECRET, namespace=SYSTEM, labels="owner=helm")
        assert statuses(history) == ["superseded"] * 3 + ["deployed"]


def statuses(history: Sequence[Manifest]) -> list[str]:
    return [one.status for one in sorted(map(decode_release, history), key=lambda one: one.revision)]


async def _clear(installer: Installer) -> None:
    """Helm leaves a failed record of what it refused."""
    await installer.uninstall(f"{SYSTEM}/istio-cni")
