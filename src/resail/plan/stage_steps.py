"""What the step of a stage does, what it expects, and how it is undone."""

from resail.models.identity import ObjectRef
from resail.models.plan import ComponentIs, InstallBefore, IstioctlChange, Precondition, UninstallRevision
from resail.plan.normal_form import as_rendered
from resail.plan.pod_templates import replaced
from resail.plan.stage_building import BuiltStage
from resail.plan.stages import StagePart

__all__ = ["change_of", "stands_before", "undo_of"]


def change_of(stage: BuiltStage, target: str, manifests: str, workload: ObjectRef | None, *, first: bool) -> IstioctlChange:
    """One ``istioctl install``.

    Args:
        stage: the stage.
        target: the version that it brings.
        manifests: file with its objects.
        workload: the gateway that the step is for.
        first: of the steps of one stage, which all have the same change, the one that makes it.
    """
    part = stage.part
    gone = replaced(stage.before, [as_rendered(manifest) for manifest in stage.own], always=False)
    if part.role == "gateway" and workload:
        gone = (workload,)
    return IstioctlChange(
        revision=part.revision,
        from_version=part.former.version if part.former else "",
        to_version=target,
        configuration=part.increments[-1].configuration,
        components=part.components,
        manifests=manifests,
        objects=stage.changes if first else (),
        replaced=gone,
    )


def stands_before(part: StagePart, target: str, *, first: bool) -> tuple[Precondition, ...]:
    """What its components are before the step."""
    if not first:
        return tuple(ComponentIs(component, part.revision, target) for component in part.brings)
    running = tuple(ComponentIs(one.component, one.revision, one.version) for one in part.running)
    return running if part.former else (*running, ComponentIs("Pilot", part.revision, ""))


def undo_of(stage: BuiltStage, target: str, manifests: str, *, first: bool) -> InstallBefore | UninstallRevision:
    """What puts the stage back; ``manifests``: file with the objects as they were."""
    former = stage.part.former
    if former is None:
        return UninstallRevision(stage.part.revision, target)
    added = stage.added if first else ()
    return InstallBefore(former.version, former.request.configuration, former.components, manifests, added)
