"""The words of a record that its table, Markdown and HTML share."""

from resail.models.plan import (
    AdoptObjects,
    Approve,
    Change,
    GiveBack,
    HelmChange,
    Hop,
    InstallBefore,
    InstallerStep,
    IstioctlChange,
    LabelNamespace,
    MoveTag,
    NoUndo,
    PatchBack,
    Plan,
    RelabelNamespace,
    RemoveRevision,
    RestartAgain,
    RestartWave,
    RollbackRelease,
    SailChange,
    Step,
    TagBack,
    UninstallRelease,
    UninstallRevision,
)
from resail.models.record import Record

__all__ = ["change_of", "data_plane_of", "headline", "undo_of", "way_of"]

_STATES = {
    "running": "is under way",
    "halted": "is halted and can be resumed",
    "done": "is done",
    "rolled-back": "was rolled back",
    "rollback-failed": "could not be rolled back",
    "aborted": "was aborted",
}


def headline(record: Record) -> str:
    """One sentence: from where to where, how, and how it stands."""
    return f"Istio {record.from_version} → {record.to_version}, {record.strategy}: the upgrade {_STATES[record.state]}"


def change_of(step: Step) -> str:
    """What the step changes, in one line; empty where its title says it all."""
    if isinstance(step, RestartWave):
        return ", ".join(f"{restart.workload} ({restart.method})" for restart in step.restarts)
    if isinstance(step, MoveTag):
        return f"{step.tag}: {step.from_revision} → {step.to_revision}"
    if isinstance(step, RemoveRevision):
        return f"helm uninstall {step.release}, {len(step.objects)} objects; its history stays"
    if isinstance(step, LabelNamespace):
        labels = ", ".join(f"{key}={value}" if value is not None else f"{key}-" for key, value in step.labels.items())
        return f"{step.namespace}: {labels}"
    if isinstance(step, Approve):
        return step.question
    if isinstance(step, AdoptObjects):
        taken = [str(one.object) for one in step.objects]
        marks = ", ".join(f"{key}={value}" for key, value in {**step.labels, **step.annotations}.items())
        left = [f"{one.object} {one.field}: remembered" for one in step.fields]
        return "; ".join([*([f"{', '.join(taken)}: {marks}"] if taken else []), *left])
    return _installer_change(step.change) if isinstance(step, InstallerStep) else ""


def _installer_change(change: Change) -> str:
    versions = f"{change.from_version} → {change.to_version}" if change.from_version else change.to_version
    objects = f"{len(change.objects)} objects"
    match change:
        case HelmChange():
            return f"helm {change.action} {change.release} {versions}, {objects}"
        case IstioctlChange():
            return f"istioctl install of {', '.join(change.components)} {versions}, {objects}"
        case SailChange():
            return f"{change.resource} {versions}, {objects}"


def way_of(plan: Plan) -> str:
    """All versions of the control plane, in order."""
    return " → ".join(map(str, (plan.from_version, *(hop.to_version for hop in plan.hops))))


def data_plane_of(hop: Hop) -> str:
    """What a hop makes of the data plane, in words."""
    if hop.restarts:
        return f"gateways and workloads restart on {hop.to_version}"
    return f"nothing restarts: what istiod {hop.from_version} serves, {hop.to_version} serves too, and a later hop brings it on"


def undo_of(step: Step) -> str:
    """How the step is undone, in words."""
    match step.undo:
        case RollbackRelease(release=release, to_revision=revision):
            return f"helm rollback {release} to revision {revision}"
        case UninstallRelease(release=release):
            return f"helm uninstall {release}"
        case InstallBefore(version=version, components=components):
            return f"istioctl {version} install of {', '.join(components)} as before"
        case UninstallRevision(revision=revision):
            return f"istioctl uninstall --revision {revision}"
        case PatchBack(resource=resource):
            return f"give {resource} its former wishes"
        case TagBack(tag=tag, to_revision=to_revision):
            return f"point the tag {tag} back to {to_revision}"
        case RelabelNamespace(namespace=namespace):
            return f"put the labels of namespace {namespace} back"
        case RestartAgain():
            return "roll back what had moved, once the old revision injects it; a pod that a StatefulSet is stuck with is evicted"
        case GiveBack():
            return "make them what they were, once the release is back"
        case NoUndo(reason=reason):
            return f"nothing: {reason}"
