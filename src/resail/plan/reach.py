"""Which objects a run of a plan may write to, in either direction."""

from collections.abc import Iterator

from resail.models.identity import ObjectRef
from resail.models.plan import (
    AdoptObjects,
    HelmChange,
    InstallBefore,
    InstallerStep,
    LabelNamespace,
    MoveTag,
    PlanFiles,
    RemoveRevision,
    RestartWave,
    SailChange,
    Step,
    TagBack,
    UpgradeGateway,
)

__all__ = ["within_reach"]


def within_reach(files: PlanFiles) -> frozenset[ObjectRef]:
    """All objects that the plan's steps name; CRDs are left out, since they stay at the target."""
    found = {ref for step in files.plan.steps for ref in _objects(step, files)}
    return frozenset(ref for ref in found if ref.kind != "CustomResourceDefinition")


def _objects(step: Step, files: PlanFiles) -> Iterator[ObjectRef]:
    if isinstance(step, InstallerStep):
        yield from (each.object for each in step.change.objects)
        yield from _rendered(files, step.change.manifests)
        if isinstance(step.change, SailChange):
            yield step.change.resource
        if isinstance(step.change, HelmChange):
            yield from (each.object for each in step.change.forced)
        if isinstance(step.undo, InstallBefore):
            yield from _rendered(files, step.undo.manifests)
    match step:
        case UpgradeGateway(workload=workload):
            yield workload
        case MoveTag(manifests=manifests, undo=undo):
            yield from _rendered(files, manifests)
            if isinstance(undo, TagBack):
                yield from _rendered(files, undo.manifests)
        case LabelNamespace(namespace=namespace):
            yield ObjectRef("v1", "Namespace", "", namespace)
        case RestartWave(restarts=restarts):
            yield from (one.workload for one in restarts)
        case RemoveRevision(objects=objects, manifests=manifests):
            yield from (each.object for each in objects)
            yield from _rendered(files, manifests)
        case AdoptObjects(objects=adopted, fields=fields):
            yield from (one.object for one in adopted)
            yield from (one.object for one in fields)


def _rendered(files: PlanFiles, manifests: str) -> Iterator[ObjectRef]:
    return map(ObjectRef.of, files.manifests[manifests])
