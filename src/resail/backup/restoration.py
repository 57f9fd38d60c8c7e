"""What restoring a backup comes to: each object of it compared with what the cluster has now, in the order of writing. Pure."""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from resail.backup.clean import cleaned
from resail.backup.marking import marks_of
from resail.backup.order import MARKS, NAMESPACES, PLACES, STAGES, place_of
from resail.backup.ownership import owners_to_give_back, without_owners
from resail.checks.differences import object_changes
from resail.errors import UsageError
from resail.models.backup import Backup, Marks
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import group_kind

__all__ = [
    "Action",
    "Live",
    "Restoration",
    "Verdict",
    "comparable",
    "concerned",
    "judge",
    "make_restoration",
    "marks_patch",
    "only",
]

Live = Mapping[ObjectRef, Manifest]
"""The objects that the cluster has now, as it gave them."""

Verdict = Literal["create", "finish", "mark", "same", "differs", "leaving", "gone"]
"""``create``: it is not there. ``finish``: it is as in the backup, but resail owns its fields since a restore was cut short.
``mark``: labels or annotations are missing. ``same``: nothing is to be done. ``differs``: it was changed since the backup, and is
left unless it is to be overwritten. ``leaving``: it is being deleted. ``gone``: what had the marks is neither there nor in the
backup."""

_NAMESPACE = "Namespace"


class Action(msgspec.Struct, frozen=True):
    """One object, or the marks on one, and what becomes of it."""

    ref: ObjectRef
    part: Literal["object", "marks"]
    verdict: Verdict
    stage: str
    """Its name in ``STAGES``."""
    fields: tuple[str, ...] = ()
    """Paths of the fields that differ, or are missing; no values."""

    @property
    def place(self) -> int:
        """Of its stage."""
        return PLACES[self.stage]


class Restoration(msgspec.Struct, frozen=True):
    """All of it."""

    actions: tuple[Action, ...]
    """In the order of writing."""
    wanted: dict[ObjectRef, Manifest]
    """The objects of the backup, and the namespaces that they need."""
    marks: dict[ObjectRef, Marks]

    def having(self, *verdicts: Verdict) -> tuple[Action, ...]:
        """The actions with one of these verdicts."""
        return tuple(action for action in self.actions if action.verdict in verdicts)


def concerned(backup: Backup) -> frozenset[ObjectRef]:
    """What must be known of the cluster: the live counterparts of all that is in the backup, and the namespaces around it."""
    refs = [*map(ObjectRef.of, backup.objects), *(marks.ref for marks in backup.marks)]
    return frozenset([*refs, *_namespaces_of(backup)])


def make_restoration(backup: Backup, live: Live) -> Restoration:
    """Compare a backup with the cluster.

    A namespace that objects are in and that is neither there nor among them is created, with its marks. How many replicas a
    workload has is its autoscaler's to say, where it has one.
    """
    wanted = {ObjectRef.of(manifest): manifest for manifest in backup.objects}
    marks = {one.ref: one for one in backup.marks}
    for ref in _namespaces_of(backup):
        if ref not in live and ref not in wanted:
            wanted[ref] = _namespace(ref, marks.get(ref))
    for ref in _autoscaled(backup) & wanted.keys() & live.keys():
        wanted[ref] = _with_replicas_of(live[ref], wanted[ref])
    planes = {plane.deployment for plane in backup.snapshot.control_planes}
    actions = [_object_action(manifest, live.get(ref), STAGES[place_of(ref, planes)].name) for ref, manifest in wanted.items()]
    created = {action.ref for action in actions if action.verdict == "create"}
    actions += [_marks_action(one, live.get(one.ref)) for one in backup.marks if one.ref not in created]
    return Restoration(tuple(sorted(actions, key=lambda one: (one.place, one.ref))), wanted, marks)


def only(restoration: Restoration, patterns: Sequence[str]) -> Restoration:
    """Those whose name fits one of the patterns, and the namespaces that these need.

    Args:
        restoration: all of it.
        patterns: ``KIND/NAMESPACE/NAME``, or ``KIND/NAME`` for what is in no namespace, where ``*`` stands for anything; the
            kind may have its group, ``Gateway.networking.istio.io``. None: everything.

    Raises:
        UsageError: nothing fits one of them.
    """
    if not patterns:
        return restoration
    fitting: set[int] = set()
    for pattern in patterns:
        found = {number for number, action in enumerate(restoration.actions) if _fits(action.ref, pattern)}
        if not found:
            raise UsageError(
                "nothing in the backup is called so",
                on=pattern,
                next_step="give KIND/NAMESPACE/NAME, or KIND/NAME for what is in no namespace; `resail backup show` lists all",
            )
        fitting |= found
    homes = {restoration.actions[number].ref.namespace for number in fitting}
    actions = tuple(
        action
        for number, action in enumerate(restoration.actions)
        if number in fitting or (action.place == NAMESPACES and action.ref.name in homes and action.verdict == "create")
    )
    return msgspec.structs.replace(restoration, actions=actions)


def judge(wanted: Manifest, live: Manifest | None) -> tuple[Verdict, tuple[str, ...]]:
    """What becomes of an object, and where the live one differs."""
    if live is None:
        return "create", ()
    if "deletionTimestamp" in live["metadata"]:
        return "leaving", ()
    changes = object_changes([comparable(live)], [comparable(wanted)])
    if changes:
        return "differs", changes[0].fields
    return ("finish" if owners_to_give_back(live, wanted) else "same"), ()


def comparable(manifest: Manifest) -> Manifest:
    """What of an object is compared: not who owns its fields, nor what it belongs to, which is another one after a restore."""
    bare = without_owners(cleaned(manifest))
    metadata = {name: value for name, value in bare["metadata"].items() if name != "ownerReferences"}
    return {**bare, "metadata": metadata}


def marks_patch(wanted: Marks, live: Manifest) -> Manifest:
    """The merge patch that gives an object the marks of the backup and no others; empty where it has them."""
    there = marks_of(live) or Marks(wanted.ref)
    metadata = _changes({"labels": (there.labels, wanted.labels), "annotations": (there.annotations, wanted.annotations)})
    template = _changes(
        {
            "labels": (there.template_labels, wanted.template_labels),
            "annotations": (there.template_annotations, wanted.template_annotations),
        }
    )
    patch: Manifest = {"metadata": metadata} if metadata else {}
    spec: Manifest = {"template": {"metadata": template}}
    if template:
        patch["spec"] = {"jobTemplate": {"spec": spec}} if live["kind"] == "CronJob" else spec
    return patch


def _changes(parts: dict[str, tuple[dict[str, str], dict[str, str]]]) -> dict[str, dict[str, str | None]]:
    changed = {
        name: {key: after.get(key) for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)}
        for name, (before, after) in parts.items()
    }
    return {name: keys for name, keys in changed.items() if keys}


def _object_action(wanted: Manifest, live: Manifest | None, stage: str) -> Action:
    verdict, fields = judge(wanted, live)
    return Action(ObjectRef.of(wanted), "object", verdict, stage, fields)


def _marks_action(wanted: Marks, live: Manifest | None) -> Action:
    stage = STAGES[MARKS].name
    if live is None:
        return Action(wanted.ref, "marks", "gone", stage)
    if "deletionTimestamp" in live["metadata"]:
        return Action(wanted.ref, "marks", "leaving", stage)
    patch = marks_patch(wanted, live)
    fields = tuple(_paths(patch))
    if not patch:
        return Action(wanted.ref, "marks", "same", stage)
    # Others in their place, or besides them, are somebody's newer choice: the label of another revision, for instance.
    missing = all(value is not None and not _has(live, path) for path, value in _leaves(patch))
    return Action(wanted.ref, "marks", "mark" if missing else "differs", stage, fields)


def _leaves(patch: Manifest, path: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], str | None]]:
    for key, value in patch.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _paths(patch: Manifest) -> Iterable[str]:
    return (".".join(path) for path, _ in _leaves(patch))


def _has(live: Manifest, path: tuple[str, ...]) -> bool:
    found: object = live
    for key in path:
        if not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
    return True


def _namespaces_of(backup: Backup) -> set[ObjectRef]:
    homes = {backup.facts.istio_namespace, *(manifest["metadata"].get("namespace", "") for manifest in backup.objects)}
    return {ObjectRef("v1", _NAMESPACE, "", home) for home in homes if home}


def _namespace(ref: ObjectRef, marks: Marks | None) -> Manifest:
    given = {"labels": marks.labels, "annotations": marks.annotations} if marks else {}
    kept = {field: values for field, values in given.items() if values}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": {"name": ref.name, **kept}}


def _autoscaled(backup: Backup) -> set[ObjectRef]:
    targets = (
        (scaler["spec"]["scaleTargetRef"], scaler["metadata"]["namespace"])
        for scaler in backup.objects
        if scaler["kind"] == "HorizontalPodAutoscaler"
    )
    return {ObjectRef(target["apiVersion"], target["kind"], namespace, target["name"]) for target, namespace in targets}


def _with_replicas_of(live: Manifest, wanted: Manifest) -> Manifest:
    return {**wanted, "spec": {**wanted["spec"], "replicas": live["spec"].get("replicas", 1)}}


def _fits(ref: ObjectRef, pattern: str) -> bool:
    place = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
    kinds = (ref.kind, group_kind(ref.api_version, ref.kind))
    return any(fnmatch.fnmatchcase(f"{kind}/{place}", pattern) for kind in kinds)
