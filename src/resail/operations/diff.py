"""``resail diff``: what a plan would change now, by server-side dry run."""

import asyncio
from pathlib import Path
from typing import Literal

import msgspec

from resail.checks.differences import FieldChange, field_changes
from resail.cluster import ClusterReader, ClusterWriter
from resail.errors import NotFoundError
from resail.installers.helm_storage import as_helm_applies
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import HelmChange, LabelNamespace, MoveTag, PlanFiles, Step
from resail.operations.cluster_choice import ClusterChoice, connect_to
from resail.plan.file import read_plan

__all__ = ["DiffRequest", "ObjectDiff", "diff"]

_HELM = "helm"
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
    patched: bool = False
    """By a merge patch instead of Helm's server-side apply."""

    async def ask(self, reader: ClusterReader, writer: ClusterWriter, ref: ObjectRef) -> ObjectDiff | None:
        try:
            live = await reader.get(ref)
        except NotFoundError:
            return None if self.manifest is None else ObjectDiff(ref, self.step, "add")
        if self.manifest is None:
            return ObjectDiff(ref, self.step, "remove")
        if self.patched:
            after = await writer.patch(ref, self.manifest, dry_run=True)
        else:
            # Forced, since the question is what would change and not who owns it.
            after = await writer.apply(self.manifest, manager=_HELM, force=True, dry_run=True)
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
        return {ObjectRef("v1", "Namespace", "", step.namespace): _Wanted(step.id, patch, patched=True)}
    if isinstance(step, MoveTag):
        return {
            ObjectRef.of(hook): _Wanted(step.id, {key: hook[key] for key in ("metadata", "webhooks")}, patched=True)
            for hook in files.manifests[step.manifests]
        }
    change = getattr(step, "change", None)
    if not isinstance(change, HelmChange):
        return {}
    removed = {each.object: _Wanted(step.id, None) for each in change.objects if each.change == "remove"}
    written = {
        ObjectRef.of(manifest): _Wanted(step.id, as_helm_applies(manifest, change.release, change.namespace))
        for manifest in files.manifests[change.manifests]
    }
    return removed | written


def _is_noise(path: str) -> bool:
    return path.startswith(_NOISE) or path.endswith(_ISTIODS)
