"""The double of istioctl on the twin: what it prunes and what it leaves. On the bed it is held against istioctl itself."""

from collections.abc import Awaitable, Callable
from typing import Any

from resail.installers.interface import Installation
from resail.installers.istioctl_rendered import RenderedIstioctl
from resail.models.identity import KindRef, Manifest
from resail.models.istioctl_marks import MANAGER, as_istioctl_applies
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loop import run

OLD, NEW = "1.25.1", "1.26.0"
NOT_PRUNED = "install.operator.istio.io/owning-resource-not-pruned"


def owner(name: str = "shop") -> Manifest:
    return {"metadata": {"name": name, "namespace": "istio-system"}}


def thing(
    name: str, component: str, version: str, revision: str = "default", kind: str = "ConfigMap", of: str = "shop"
) -> Manifest:
    bare = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "istio-system"}}
    return as_istioctl_applies(bare, component, revision, version, owner(of))


Story = Callable[[TwinCluster, RenderedIstioctl], Awaitable[None]]


def on_twin(story: Story) -> None:
    async def whole() -> None:
        async with open_twin() as twin:
            await story(twin, RenderedIstioctl(twin, twin))

    run(whole())


async def install(istioctl: RenderedIstioctl, version: str, *objects: Manifest) -> list[str]:
    told: list[str] = []
    await istioctl.install(Installation(version, owner(), objects, 60), told.append)
    return told


async def names(twin: TwinCluster) -> set[str]:
    found: set[str] = set()
    for kind in (KindRef("v1", "ConfigMap"), KindRef("v1", "ServiceAccount")):
        marked = await twin.list_objects(kind, namespace="istio-system", labels="operator.istio.io/component")
        found |= {str(one["metadata"]["name"]) for one in marked}
    return found


def test_what_is_left_out_goes_at_its_own_version_only() -> None:
    async def story(twin: TwinCluster, istioctl: RenderedIstioctl) -> None:
        old = [thing("istio", "Pilot", OLD), thing("cni", "Cni", OLD), thing("gateway", "IngressGateways", OLD)]
        assert await install(istioctl, OLD, *old) == ["Pilot of 1.25.1", "Cni of 1.25.1", "IngressGateways of 1.25.1"]
        await install(istioctl, NEW, thing("istio", "Pilot", NEW))
        assert await names(twin) == {"istio", "cni", "gateway"}, "another version's stays"
        await install(istioctl, NEW, thing("istio", "Pilot", NEW), thing("cni", "Cni", NEW))
        await install(istioctl, NEW, thing("istio", "Pilot", NEW))
        assert await names(twin) == {"istio", "gateway"}, "its own version's goes"

    on_twin(story)


def test_what_is_anothers_or_not_to_be_pruned_stays() -> None:
    async def story(twin: TwinCluster, istioctl: RenderedIstioctl) -> None:
        kept = thing("kept", "Pilot", NEW)
        kept["metadata"]["labels"][NOT_PRUNED] = "true"
        for one in (kept, thing("canary", "Pilot", NEW, "1-26-0"), thing("theirs", "Pilot", NEW, of="other")):
            await install(istioctl, NEW, one)
        await install(istioctl, NEW, thing("istio", "Pilot", NEW))
        assert await names(twin) == {"istio", "kept", "canary", "theirs"}

    on_twin(story)


def test_its_fields_are_istioctls() -> None:
    async def story(twin: TwinCluster, istioctl: RenderedIstioctl) -> None:
        await install(istioctl, NEW, thing("istio", "Pilot", NEW))
        (found,) = await twin.list_objects(KindRef("v1", "ConfigMap"), labels="operator.istio.io/component=Pilot")
        assert {(entry["manager"], entry["operation"]) for entry in found["metadata"]["managedFields"]} == {(MANAGER, "Apply")}

    on_twin(story)


def test_a_revision_goes_but_what_all_share() -> None:
    async def story(twin: TwinCluster, istioctl: RenderedIstioctl) -> None:
        shared = thing("reader", "Base", NEW, "1-26-0", "ServiceAccount")
        await install(istioctl, NEW, shared, thing("istio-1-26-0", "Pilot", NEW, "1-26-0"))
        await install(istioctl, OLD, thing("istio", "Pilot", OLD))
        told: list[Any] = []
        await istioctl.uninstall(NEW, "1-26-0", told.append)
        assert await names(twin) == {"reader", "istio"}
        assert told == ["removing istio-system/ConfigMap/istio-1-26-0"]
        await istioctl.uninstall(NEW, "1-26-0", told.append)
        assert len(told) == 1, "and nothing more"

    on_twin(story)
