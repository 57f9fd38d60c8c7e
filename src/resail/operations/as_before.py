"""Is all as before a run that was rolled back? The two backups that it took tell; nothing is mended in silence."""

from collections.abc import Iterator
from pathlib import Path

from resail.backup.comparison import compare
from resail.backup.file import read_backup
from resail.errors import ArtifactError
from resail.models.finding import Finding, FindingObject
from resail.models.identity import ObjectRef
from resail.models.journal import Run
from resail.models.plan import ObjectChange, PlanFiles
from resail.operations.runs import StateDirectory
from resail.plan.reach import within_reach

__all__ = ["not_as_before"]

_VALIDATOR = "ValidatingWebhookConfiguration"
_BY_ISTIOD = ".failurePolicy"
"""istiod closes its validator once that answers (``installers/stored_releases.py``), which may be after the rollback."""

_COUNTED = (
    "metadata.annotations.deployment.kubernetes.io/revision",
    "metadata.annotations.deprecated.daemonset.template.generation",
    "spec.clusterIP",
)
"""Beginnings of fields that count rollouts, or that a Service gets anew."""


def not_as_before(state: StateDirectory, run: Run, files: PlanFiles) -> tuple[Finding, ...]:
    """What still differs of the objects that the run may have written to, though no step owns it any more.

    Args:
        state: the state directory.
        run: the run; nothing is told of one that has not been rolled back.
        files: its plan.
    """
    if run.state != "rolled-back":
        return ()
    before, after = state.backup(run.id, "before"), state.backup(run.id, "after-rollback")
    if before is None or after is None:
        when = "before the run" if before is None else "after the rollback"
        return (_not_compared(f"this machine has no backup from {when}"),)
    if ".age" in (before.suffix, after.suffix):
        how = f"`resail backup diff {before} {after} --identity FILE`"
        return (_not_compared("the backups of before and after are encrypted", f"{how} compares them"),)
    try:
        changes = compare(read_backup(before), read_backup(after))
    except ArtifactError as error:
        return (_not_compared(f"the backups of before and after cannot be read: {error}"),)
    reach = within_reach(files)
    return tuple(_finding(each, before) for each in _lasting(changes) if each.object in reach)


def _lasting(changes: tuple[ObjectChange, ...]) -> Iterator[ObjectChange]:
    for each in changes:
        fields = tuple(field for field in each.fields if not _is_by_itself(each.object, field))
        if fields or each.change != "change":
            yield ObjectChange(each.object, each.change, fields)


def _is_by_itself(ref: ObjectRef, field: str) -> bool:
    return field.startswith(_COUNTED) or (ref.kind == _VALIDATOR and field.endswith(_BY_ISTIOD))


def _finding(change: ObjectChange, backup: Path) -> Finding:
    ref = change.object
    how = {"add": "is new", "remove": "is gone", "change": ", ".join(change.fields)}[change.change]
    only = "/".join(filter(None, (ref.kind, ref.namespace, ref.name)))
    back = f"`resail restore {backup} --only {only}{'' if change.change == 'remove' else ' --overwrite'}` brings it back"
    return Finding(
        id="not-as-before",
        severity="warning",
        message=f"not as before the run: {ref} {how}",
        objects=_places(ref, change.fields),
        evidence=f"compared with {backup}",
        fix="see whose it is; restoring deletes nothing" if change.change == "add" else back,
    )


def _places(ref: ObjectRef, fields: tuple[str, ...]) -> tuple[FindingObject, ...]:
    return tuple(FindingObject(ref.kind, ref.namespace, ref.name, field) for field in fields or ("",))


def _not_compared(why: str, fix: str = "") -> Finding:
    return Finding(
        id="not-compared",
        severity="info",
        message=f"whether all is as before the run was not compared: {why}",
        fix=fix,
    )
