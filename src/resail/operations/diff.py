"""``resail diff``: what a plan would change now, by server-side dry run."""

import asyncio
from pathlib import Path
from typing import Literal

import msgspec

from resail.checks.differences import FieldChange, field_changes
from resail.cluster import ClusterReader, ClusterWriter
from resail.errors import NotFoundError
from resail.installers.helm_storage import as_helm_applies
from resail.installers.stored_releases import MANAGER as HELM
from resail.models.identity import Manifest, ObjectRef
from resail.models.istioctl_marks import MANAGER as ISTIOCTL
from resail.models.plan import (
    Change,
    HelmChange,
    InstallerStep,
    IstioctlChange,
    LabelNamespace,
    MoveTag,
    PlanFiles,
    SailChange,
    Step,
)
from resail.operations.cluster_choice import ClusterChoice, connect_to
from resail.plan.file import read_plan

__all__ = ["DiffRequest", "ObjectDiff", "diff"]

_AT_ONCE = 8
_SECRET = "Secret"
_NOISE = (
    "metadata.creationTimestamp",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
    "metadata.uid",
    "status",
)
"""What the API server fills in."""
_ISTIODS = ".caBundle"
"""istiod puts it in, whatever a chart says."""


class DiffRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which plan, against which cluster."""

    cluster: ClusterChoice = ClusterChoice()
    plan: Path


class ObjectDiff(msgspec.Struct, frozen=True):
    """One object that the plan changes; the restarts of workloads are not among them."""

    object: ObjectRef
    step: str
    """The last step that writes it."""
    change: Literal["add", "change", "remove"]
    fields: tuple[FieldChange, ...] = ()
    """For ``change``: ``before`` as it is now, ``after`` as it would be."""


async def diff(request: DiffRequest) -> tuple[ObjectDiff, ...]:
    """Ask the API server what each object of the plan would become; nothing is written.

    Server-managed fields, CA bundles and Secrets are left out. Where several steps write an object, the last one counts.

    Raises:
        ArtifactError: the plan cannot be read.
        ClusterUnreachableError: the API does not answer.
    """
    files = read_plan(request.plan)
    async with connect_to(request.cluster) as connection:
        cluster = connection.cluster
        wanted = _wanted(files)
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(ref: ObjectRef) -> ObjectDiff | None:
            async with turn:
                return await wanted[ref].ask(cluster, cluster, ref)

        found = await asyncio.gather(*map(one, wanted))
    return tuple(sorted((each for each in found if each is not None), key=lambda each: (each.step, each.object)))


class _Wanted(msgspec.Struct, frozen=True):
    """What a step makes of an object. Without a manifest it is removed."""

    step: str
    manifest: Manifest | None
    manager: str = ""
    """Who applies it server-side; empty for a merge patch."""

    async def ask(self, reader: ClusterReader, writer: ClusterWriter, ref: ObjectRef) -> ObjectDiff | None:
        try:
            live = await reader.get(ref)
        except NotFoundError:
            return None if self.manifest is None else ObjectDiff(ref, self.step, "add")
        if self.manifest is None:
            return ObjectDiff(ref, self.step, "remove")
        if self.manager:
            # Forced, since the question is what would change and not who owns it.
            after = await writer.apply(self.manifest, manager=self.manager, force=True, dry_run=True)
        else:
            after = await writer.patch(ref, self.manifest, dry_run=True)
        fields = tuple(change for change in field_changes(live, after) if not _is_noise(change.path))
        return ObjectDiff(ref, self.step, "change", fields) if fields else None


def _wanted(files: PlanFiles) -> dict[ObjectRef, _Wanted]:
    wanted: dict[ObjectRef, _Wanted] = {}
    for step in files.plan.steps:
        wanted |= _wanted_by(step, files)
    return {ref: each for ref, each in wanted.items() if ref.kind != _SECRET}


def _wanted_by(step: Step, files: PlanFiles) -> dict[ObjectRef, _Wanted]:
    if isinstance(step, LabelNamespace):
        patch: Manifest = {"metadata": {"labels": step.labels}}
        return {ObjectRef("v1", "Namespace", "", step.namespace): _Wanted(step.id, patch)}
    if isinstance(step, MoveTag):
        return {
            ObjectRef.of(hook): _Wanted(step.id, {key: hook[key] for key in ("metadata", "webhooks")})
            for hook in files.manifests[step.manifests]
        }
    return _wanted_of(step.change, step.id, files) if isinstance(step, InstallerStep) else {}


def _wanted_of(change: Change, step: str, files: PlanFiles) -> dict[ObjectRef, _Wanted]:
    objects = files.manifests[change.manifests]
    match change:
        case HelmChange():
            removed = {each.object: _Wanted(step, None) for each in change.objects if each.change == "remove"}
            marked = [as_helm_applies(manifest, change.release, change.namespace) for manifest in objects]
            return removed | {ObjectRef.of(manifest): _Wanted(step, manifest, HELM) for manifest in marked}
        case IstioctlChange():
            return {ObjectRef.of(manifest): _Wanted(step, manifest, ISTIOCTL) for manifest in objects}
        case SailChange():
            return {}


def _is_noise(path: str) -> bool:
    return path.startswith(_NOISE) or path.endswith(_ISTIODS)
