"""The double of rehearsals leaves what istioctl leaves: the same story by both on the same mesh, object by object."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from resail.installers.interface import Installation, IstioctlInstaller
from resail.installers.istioctl import IstioctlCommand
from resail.installers.istioctl_rendered import RenderedIstioctl
from resail.kube import KubeCluster, connect
from resail.models.istioctl_marks import MANAGER
from resail.models.plan import InstallBefore, InstallerStep, IstioctlChange, PlanFiles, UninstallRevision
from resail.operations.istioctl import istioctl_store
from resail.plan.file import read_plan
from resail.testbed.bed import Bed
from tests.acceptance.conftest import OPERATOR, IstioctlMeshes, Resail
from tests.acceptance.exemptions import ANOTHER_RUN
from tests.acceptance.world import World, differences, world
from tests.conftest import settle

pytestmark = pytest.mark.bed

Opening = Callable[[KubeCluster], IstioctlInstaller]

OTHERWISE = {
    "MutatingWebhookConfiguration/istio-revision-tag-default": "istioctl puts in the CA bundle that istiod gave another webhook",
    "MutatingWebhookConfiguration/istio-sidecar-injector": "istioctl applies it, and takes its reach away by an update",
    "ValidatingWebhookConfiguration/istiod-default-validator": "istioctl puts in the CA bundle, and leaves the policy to istiod",
}
"""Who owns which field differs there, and why; what stands in them does not."""


class Act(msgspec.Struct, frozen=True):
    """One thing that an istioctl does."""

    version: str
    wanted: Installation | None = None
    revision: str = ""
    """To be removed."""


def acts(files: PlanFiles) -> list[Act]:
    """Every install of the plan, and what undoes the first."""
    steps = [step for step in files.plan.steps if isinstance(step, InstallerStep)]
    found: list[Act] = []
    for step in steps:
        assert isinstance(step.change, IstioctlChange)
        objects = files.manifests[step.change.manifests]
        found.append(Act(step.change.to_version, Installation(step.change.to_version, step.change.configuration, objects, 120)))
    match steps[0].undo:
        case InstallBefore() as undo:
            back = Installation(undo.version, undo.configuration, files.manifests[undo.manifests], 120)
            found.append(Act(undo.version, back))
        case UninstallRevision() as undo:
            found = [found[0], Act(undo.version, revision=undo.revision)]
        case other:
            raise AssertionError(other)
    return found


def by_istioctl(cluster: KubeCluster) -> IstioctlInstaller:
    return IstioctlCommand(istioctl_store, cluster.access)


def by_double(cluster: KubeCluster) -> IstioctlInstaller:
    return RenderedIstioctl(cluster, cluster)


async def story(bed: Bed, told: list[Act], opening: Opening) -> list[tuple[World, dict[str, Any]]]:
    found = []
    async with connect(bed.kubeconfig) as cluster:
        installer = opening(cluster)
        await installer.prepare({act.version for act in told}, (), print)
        for act in told:
            if act.wanted is not None:
                await installer.install(act.wanted, print)
            else:
                await installer.uninstall(act.version, act.revision, print)
            await asyncio.to_thread(settle, bed)
            await _patched_by_istiod(bed)
            now = world(bed)
            found.append((now, owned(now)))
    return found


async def _patched_by_istiod(bed: Bed) -> None:
    """istiod gives webhooks their CA bundle and closes validators a while after it is ready."""
    deadline = time.monotonic() + 60
    while not all(_is_patched(one) for one in world(bed).values() if one.get("webhooks")):
        assert time.monotonic() < deadline, "istiod does not patch its webhooks"
        await asyncio.sleep(0.5)


def _is_patched(configuration: Any) -> bool:
    return all(one["clientConfig"].get("caBundle") and one["failurePolicy"] == "Fail" for one in configuration["webhooks"])


def owned(found: World) -> dict[str, Any]:
    """The fields of each object that istioctl's manager has applied."""
    told: dict[str, Any] = {}
    for name, manifest in found.items():
        for entry in manifest["metadata"].get("managedFields") or ():
            if (entry["manager"], entry["operation"]) == (MANAGER, "Apply"):
                told[name.lstrip("/")] = entry["fieldsV1"]
    return told


@pytest.mark.soak
@pytest.mark.parametrize("strategy", ["in-place", "canary"])
def test_both_leave_the_same(istioctl_meshes: IstioctlMeshes, tmp_path: Any, strategy: str) -> None:
    istioctl_meshes.restore("1.25.1")
    resail = Resail(istioctl_meshes.bed, tmp_path)
    resail.make_plan("--strategy", strategy, "-f", str(OPERATOR))
    told = acts(read_plan(resail.plan))
    before = world(resail.bed)
    ends = []
    for opening in (by_istioctl, by_double):
        ends.append(asyncio.run(story(resail.bed, told, opening)))
        istioctl_meshes.restore("1.25.1")
    for (real, real_owned), (ours, our_owned) in zip(*ends, strict=True):
        assert differences(real, ours, also_exempt=ANOTHER_RUN) == []
        assert differences(before, ours) != []
        unlike = {name for name in real_owned.keys() | our_owned.keys() if real_owned.get(name) != our_owned.get(name)}
        assert unlike <= OTHERWISE.keys()
