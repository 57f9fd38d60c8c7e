"""A small mesh on a twin that loses its control plane, and restores of it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from resail.backup.gathering import gather
from resail.backup.live import read_live
from resail.backup.restoration import Restoration, concerned, make_restoration
from resail.backup.writing import Result, Writing
from resail.cluster import Cluster
from resail.models.backup import Backup
from resail.models.identity import Manifest, ObjectRef
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loop import run
from tests.acceptance.small_mesh import make_mesh, small_object

__all__ = ["POLICY", "Killed", "KilledWriter", "Lost", "lose_mesh", "restore_on", "taken", "twin_of"]

_REST = 120.0  # seconds of the twin, in which what was begun ends
_GROUP = "security.istio.io"
_KINDS = {"AuthorizationPolicy": "authorizationpolicies", "PeerAuthentication": "peerauthentications"}
POLICY = ObjectRef(f"{_GROUP}/v1", "AuthorizationPolicy", "front", "who-0")


class Lost(msgspec.Struct, frozen=True):
    """A mesh that is gone, and its backup."""

    backup: Backup
    twin: Path
    """Without the namespace of the control plane, the webhooks, the roles, and the kinds with all their objects."""
    whole: Path
    """As it was."""


class Killed(BaseException):
    """The process ends here."""


class KilledWriter:
    """A cluster whose client dies after so many writes; None: never. It keeps what was written."""

    def __init__(self, cluster: Cluster, after: int | None = None) -> None:
        self.writes: list[tuple[str, str]] = []
        self._cluster = cluster
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def create(self, manifest: Manifest, **more: Any) -> Manifest:
        return self._done("create", ObjectRef.of(manifest), await self._cluster.create(manifest, **more))

    async def patch(self, ref: ObjectRef, patch: Manifest, **more: Any) -> Manifest:
        return self._done("patch", ref, await self._cluster.patch(ref, patch, **more))

    async def apply(self, manifest: Manifest, **more: Any) -> Manifest:
        raise AssertionError("a restore applies nothing")

    async def delete(self, ref: ObjectRef, **more: Any) -> None:
        raise AssertionError("a restore deletes nothing")

    def _done(self, verb: str, ref: ObjectRef, result: Manifest) -> Manifest:
        self.writes.append((verb, str(ref)))
        if self._after is not None and len(self.writes) >= self._after:
            raise Killed
        return result


def lose_mesh(directory: Path) -> Lost:
    """Make it, take a backup, and delete what a careless person deletes."""
    whole, lost = directory / "whole.db", directory / "lost.db"
    make_mesh(whole)

    async def fill() -> Backup:
        async with open_twin(whole) as twin:
            for kind, plural in _KINDS.items():
                await twin.apply(_definition(kind, plural), manager="helm")
            for number in range(3):
                spec = {"rules": [{"from": [{"source": {"namespaces": [f"caller-{number}"]}}]}]}
                await twin.apply(
                    small_object(POLICY.api_version, POLICY.kind, f"who-{number}", "front", spec=spec), manager="argocd"
                )
            return await taken(twin)

    backup = run(fill())
    shutil.copy(whole, lost)

    async def lose() -> None:
        async with open_twin(lost) as twin:
            for manifest in backup.objects:
                ref = ObjectRef.of(manifest)
                if not ref.namespace:
                    await twin.delete(ref)
            await twin.patch(ObjectRef("v1", "Namespace", "", "front"), {"metadata": {"labels": {"istio-injection": None}}})
            await twin.clock.sleep(_REST)

    run(lose())
    return Lost(backup, lost, whole)


@asynccontextmanager
async def twin_of(path: Path, directory: Path) -> AsyncIterator[TwinCluster]:
    """A copy of a twin."""
    copy = directory / "twin.db"
    shutil.copy(path, copy)
    async with open_twin(copy) as twin:
        yield twin


async def taken(twin: TwinCluster) -> Backup:
    """A backup, some time later, when nothing happens any more."""
    await twin.clock.sleep(_REST)
    return await gather(twin, "istio-system", secrets=True, progress=lambda _: None)


async def restore_on(
    twin: TwinCluster,
    backup: Backup,
    cluster: Cluster | None = None,
    restoration: Restoration | None = None,
    *,
    overwrite: bool = False,
) -> dict[str, Result]:
    """Compare and write; the results by object."""
    live = await read_live(twin, concerned(backup))
    found = restoration or make_restoration(backup, live)
    planes = {plane.deployment for plane in backup.snapshot.control_planes}
    writing = Writing(cluster or twin, twin.clock, found, live, planes, lambda *_: None, overwrite=overwrite)
    await writing.write(found.actions)
    return {str(result.object): result for result in writing.results}


def _definition(kind: str, plural: str) -> Manifest:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    spec = {"group": _GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
    return small_object("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{_GROUP}", spec=spec)
