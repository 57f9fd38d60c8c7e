"""Is a mesh as the journal of its run says? Step by step, over what the steps own."""

from collections.abc import Iterator, Sequence

import msgspec

from resail.installers.rendered import RenderedInstaller
from resail.journal.fold import fold_steps
from resail.models.encoding import manifest_digest
from resail.models.journal import Entry, StepIntent, StepOutcome
from resail.models.plan import (
    HelmChange,
    LabelNamespace,
    MoveTag,
    PlanFiles,
    RelabelNamespace,
    ReleaseIs,
    RemoveRevision,
    RestartWave,
    Step,
)
from resail.snapshot import capture
from resail.twin.cluster import TwinCluster

__all__ = ["unexplained_parts"]


class _Standing(msgspec.Struct, frozen=True):
    done: tuple[Step, ...]
    """In the order of the plan; those that are undone are not among them."""
    in_doubt: tuple[Step, ...]
    """They have an intent and no outcome, or failed: they may be anywhere between before and after."""


async def unexplained_parts(twin: TwinCluster, files: PlanFiles, entries: Sequence[Entry]) -> list[str]:
    """What is neither as its last step that is done leaves it, nor in doubt; where none is done, not as before the run."""
    standing = _standing(files, entries)
    snapshot = await capture(twin, files.plan.istio_namespace)
    installer = RenderedInstaller(twin, twin)
    found: dict[str, object] = {}
    for release in {name for step in files.plan.steps for name in _releases(step)}:
        state = await installer.state(release)
        found[f"release {release}"] = (state.status, state.chart_version, state.manifest_digest) if state else None
    for tag in snapshot.tags:
        found[f"tag {tag.tag}"] = tag.revision
    for namespace in snapshot.namespaces:
        found[f"namespace {namespace.name}"] = namespace.labels
    for workload in snapshot.workloads:
        found[str(workload.ref)] = {(pod.proxy_version, pod.revision) for pod in workload.pods}
    doubted = {subject for step in standing.in_doubt for subject, _, _ in _effects(step, files)}
    wanted: dict[str, object] = {}
    for step in files.plan.steps:
        for subject, before, after in _effects(step, files):
            wanted.setdefault(subject, before)
            if step in standing.done:
                wanted[subject] = after
    return [
        f"{subject} is {found.get(subject)}, not {expected}"
        for subject, expected in wanted.items()
        if subject not in doubted and not _is(found.get(subject), expected)
    ]


def _standing(files: PlanFiles, entries: Sequence[Entry]) -> _Standing:
    folded = fold_steps(entries)
    last: dict[str, StepIntent | StepOutcome] = {
        entry.body.step: entry.body for entry in entries if isinstance(entry.body, StepIntent | StepOutcome)
    }
    doubtful = {step for step, body in last.items() if isinstance(body, StepIntent) or body.outcome == "failed"}
    done = {step for step, each in folded.items() if each.done and not each.undone and step not in doubtful}
    return _Standing(
        tuple(step for step in files.plan.steps if step.id in done),
        tuple(step for step in files.plan.steps if step.id in doubtful),
    )


def _effects(step: Step, files: PlanFiles) -> Iterator[tuple[str, object, object]]:
    """What a step owns: the subject, as it was before, as it is after."""
    change = getattr(step, "change", None)
    if isinstance(change, HelmChange):
        before = next((one for one in step.preconditions if isinstance(one, ReleaseIs)), None)
        digest = manifest_digest(files.manifests[change.manifests])
        yield (
            f"release {change.namespace}/{change.release}",
            ("deployed", before.chart_version, before.manifest_digest) if before else None,
            ("deployed", change.to_version, digest),
        )
    match step:
        case MoveTag():
            yield f"tag {step.tag}", step.from_revision, step.to_revision
        case LabelNamespace(namespace=namespace, labels=labels):
            assert isinstance(step.undo, RelabelNamespace)
            yield f"namespace {namespace}", step.undo.labels, labels
        case RemoveRevision(release=release):
            (stood,) = (one for one in step.preconditions if isinstance(one, ReleaseIs))
            state = (stood.chart_version, stood.manifest_digest)
            yield f"release {release}", ("deployed", *state), ("uninstalled", *state)
        case RestartWave(restarts=restarts):
            hop = files.plan.hop_of(step)
            for restart in restarts:
                old, new = (str(hop.from_version), hop.from_revision), (str(hop.to_version), hop.to_revision)
                yield str(restart.workload), {old}, {new}


def _releases(step: Step) -> list[str]:
    if isinstance(step, RemoveRevision):
        return [step.release]
    change = getattr(step, "change", None)
    return [f"{change.namespace}/{change.release}"] if isinstance(change, HelmChange) else []


def _is(found: object, wanted: object) -> bool:
    """Of labels only those that the step writes count."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return all(found.get(label) == value for label, value in wanted.items())
    return found == wanted
