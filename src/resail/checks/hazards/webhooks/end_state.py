"""What labels lead to once a hop is done: revisions that run, tags, labels of namespaces, and what is gone."""

from collections.abc import Mapping

from resail.checks.hazards.case import Case
from resail.checks.injection import DEFAULT
from resail.models.field_path import first
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import (
    InstallerStep,
    InstallRevision,
    LabelNamespace,
    MoveTag,
    ObjectChange,
    RemoveRevision,
    RetargetTag,
    Step,
)
from resail.models.snapshot import Namespace

__all__ = [
    "changes_of",
    "labels_of",
    "namespaces",
    "namespaces_after",
    "removed",
    "revision_after",
    "revisions_after",
    "tags_after",
    "taken_away",
]

_STEERING = ("istio-injection", "istio.io/rev")


def changes_of(step: Step) -> tuple[ObjectChange, ...]:
    """What a step does to objects, as far as an installer does it."""
    if isinstance(step, RemoveRevision):
        return step.objects
    return step.change.objects if isinstance(step, InstallerStep) else ()


def removed(case: Case) -> frozenset[ObjectRef]:
    """Objects that the plan removes."""
    return frozenset(one.object for step in case.steps or () for one in changes_of(step) if one.change == "remove")


def taken_away(case: Case) -> frozenset[str]:
    """Revisions that the plan removes."""
    return frozenset(step.revision for step in case.steps or () if isinstance(step, RemoveRevision))


def revisions_after(case: Case) -> frozenset[str]:
    """Revisions that run then."""
    made = {case.new_revision} | {step.revision for step in case.steps or () if isinstance(step, InstallRevision)}
    return frozenset({plane.revision for plane in case.snapshot.control_planes} | made) - taken_away(case)


def tags_after(case: Case) -> dict[str, str]:
    """Tag → revision. Without a plan the tags of the upgraded revision go along with it, as every plan has it."""
    tags = {tag.tag: tag.revision for tag in case.snapshot.tags}
    if case.steps is None:
        return {tag: case.new_revision if revision == case.revision else revision for tag, revision in tags.items()}
    return tags | {step.tag: step.to_revision for step in case.steps if isinstance(step, MoveTag | RetargetTag)}


def revision_after(case: Case, pointer: str) -> str:
    """The revision that a tag or revision name leads to; empty where nothing of that name is there."""
    tags = tags_after(case)
    if pointer in tags:
        return tags[pointer]
    return pointer if pointer in revisions_after(case) else ""


def namespaces(case: Case) -> dict[str, Manifest]:
    """By name.

    Raises:
        Unknown: they could not be read.
    """
    return {str(first(one, "metadata.name")): one for one in case.all("Namespace")}


def labels_of(manifest: Manifest, path: str = "metadata.labels") -> dict[str, str]:
    """The labels that stand there."""
    labels = first(manifest, path)
    return {key: value for key, value in labels.items() if isinstance(value, str)} if isinstance(labels, dict) else {}


def namespaces_after(case: Case) -> dict[str, Namespace]:
    """By name, with all their labels as the hop leaves them; those that steer injection may be an earlier hop's work.

    Raises:
        Unknown: they could not be read.
    """
    steering = {one.name: one.labels for one in case.snapshot.namespaces}
    relabelled = [step for step in case.steps or () if isinstance(step, LabelNamespace)]
    found = {}
    for name, manifest in namespaces(case).items():
        labels = {key: value for key, value in labels_of(manifest).items() if key not in _STEERING} | steering.get(name, {})
        for step in relabelled:
            if step.namespace == name:
                changed: dict[str, str | None] = {**labels, **step.labels}
                labels = {key: value for key, value in changed.items() if value is not None}
        if case.steps is None and case.new_revision != case.revision and _names(case, labels):
            labels = {**labels, "istio.io/rev": case.new_revision}
        found[name] = Namespace(name, {"kubernetes.io/metadata.name": name, **labels})
    return found


def _names(case: Case, labels: Mapping[str, str]) -> bool:
    """Does it ask for the upgraded revision by its name? A plan would relabel it."""
    revision = labels.get("istio.io/rev", DEFAULT)
    return revision == case.revision != DEFAULT and revision not in tags_after(case)
