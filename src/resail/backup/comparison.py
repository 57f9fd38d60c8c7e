"""What differs between two backups, by the paths of fields; values are never told, since they may be of Secrets."""

from collections.abc import Iterable
from typing import Any

from resail.backup.naming import name_of
from resail.backup.ownership import without_owners
from resail.checks.differences import object_changes
from resail.models.backup import Backup, Marks
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import group_kind
from resail.models.plan import ObjectChange

__all__ = ["compare", "not_compared"]


def compare(before: Backup, after: Backup) -> tuple[ObjectChange, ...]:
    """Objects that were added, changed and removed, and labels and annotations that were on what is no part of the mesh.

    Who owns a field (``managedFields``) does not count, nor in which version of its kind an object is stored. What one of the two
    could not or was not to hold is not compared.
    """
    versions = {name_of(each): each["apiVersion"] for each in after.objects}
    found = object_changes(
        (_compared(each, versions.get(name_of(each), str(each["apiVersion"]))) for each in before.objects),
        (_compared(each, each["apiVersion"]) for each in after.objects),
    )
    blind = {"add": before, "remove": after}
    told = [each for each in found if each.change == "change" or not _may_hold(blind[each.change], each.object)]
    return tuple(sorted((*told, *_marks_changed(before.marks, after.marks))))


def not_compared(before: Backup, after: Backup) -> tuple[str, ...]:
    """What ``compare`` cannot tell, in words, sorted."""
    left_out = set(before.facts.left_out) ^ set(after.facts.left_out)
    unread = before.facts.unread | after.facts.unread
    return tuple(
        sorted([f"{ref}: left out of one of them" for ref in left_out] + [f"{kind}: {why}" for kind, why in unread.items()])
    )


def _may_hold(backup: Backup, ref: ObjectRef) -> bool:
    """May the backup lack it though it was there?"""
    return ref in backup.facts.left_out or group_kind(ref.api_version, ref.kind) in backup.facts.unread


def _compared(manifest: Manifest, api_version: str) -> Manifest:
    return {**without_owners(manifest), "apiVersion": api_version}


def _marks_changed(before: Iterable[Marks], after: Iterable[Marks]) -> tuple[ObjectChange, ...]:
    """An object without any is one that lost them, not one that is gone."""
    old = {each.ref: each for each in before}
    new = {each.ref: each for each in after}
    refs = old.keys() | new.keys()
    return object_changes(
        (_marked(old.get(ref, Marks(ref))) for ref in refs),
        (_marked(new.get(ref, Marks(ref))) for ref in refs),
    )


def _marked(marks: Marks) -> Manifest:
    """As they stand in the object."""
    ref = marks.ref
    template: dict[str, Any] = {
        "spec": {"template": {"metadata": {"labels": marks.template_labels, "annotations": marks.template_annotations}}}
    }
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace, "labels": marks.labels, "annotations": marks.annotations},
        "spec": {"jobTemplate": template} if ref.kind == "CronJob" else template["spec"],
    }
