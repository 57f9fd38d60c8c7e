"""What of others is in the way of a Helm release: objects that its chart adds, and fields that it sets.

Helm refuses to take over an object without its marks of ownership ("invalid ownership metadata"), and server-side apply refuses a
field that another manager owns. Here both become a question to a person and a step that can be undone; or a blocker.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from resail.checks.differences import field_changes
from resail.models.encoding import digest_of
from resail.models.essence import excerpt
from resail.models.finding import Finding, FindingObject
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import Adoption, AdoptObjects, FieldOwnerConflict, HelmChange, ObjectChange, ObjectIs, Step

__all__ = ["ISTIOCTL", "InTheWay", "StrangeObject", "Takeover", "refuse_to_overwrite", "take_over", "unprobed"]

ISTIOCTL = "istioctl"
"""Stands for a release where istioctl is meant."""

_HELM = "https://helm.sh/docs/topics/charts_tips_and_tricks/"
_APPLY = "https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts"


class StrangeObject(msgspec.Struct, frozen=True):
    """An object that a chart adds, and that is there already."""

    manifest: Manifest
    """``essence`` of it."""
    owner: str
    """In words."""
    release: str = ""
    """The Helm release whose marks it bears, ``namespace/name``."""
    manager: str = ""
    """Who manages it from outside and would undo what is written, with the evidence."""

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of(self.manifest)


class InTheWay(msgspec.Struct, frozen=True):
    """What a look at the cluster found in the way of one release."""

    objects: tuple[StrangeObject, ...] = ()
    conflicts: tuple[FieldOwnerConflict, ...] = ()
    """But for those with istiod, which are foretold."""
    contested: tuple[Manifest, ...] = ()
    """The objects of the conflicts: ``essence`` of each."""
    unprobed: str = ""
    """Why not all could be seen; else empty."""


class Takeover(msgspec.Struct, frozen=True):
    """What a release takes from others."""

    release: str = ""
    objects: tuple[StrangeObject, ...] = ()
    fields: tuple[FieldOwnerConflict, ...] = ()
    """Those that no step before takes already; an adopted object is given back whole, and they are not among these."""
    excerpts: tuple[Manifest, ...] = ()
    """What the fields hold."""
    forced: tuple[FieldOwnerConflict, ...] = ()
    """All fields that the release overwrites."""
    findings: tuple[Finding, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.objects or self.forced_anew)

    @property
    def forced_anew(self) -> tuple[FieldOwnerConflict, ...]:
        """Fields that a person has to agree to."""
        adopted = {one.ref for one in self.objects}
        return tuple(one for one in self.forced if one in self.fields or one.object in adopted)

    @property
    def title(self) -> str:
        return " and ".join(filter(None, (_count(self.objects, "object"), _count(self.forced_anew, "field"))))

    @property
    def question(self) -> str:
        told = [f"{one.ref} ({one.owner})" for one in self.objects]
        told += [f"{one.object} {one.field} (owned by {one.manager})" for one in self.forced_anew]
        return f"Let Helm release {self.release} take over {'; '.join(told)}?"

    @property
    def step_fields(self) -> dict[str, Any]:
        """Of ``AdoptObjects``, but for its undo."""
        namespace, _, name = self.release.partition("/")
        marks = {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}
        return {
            "release": self.release,
            "objects": tuple(Adoption(one.ref, one.owner) for one in self.objects),
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            # Undoing the release must not delete what was there before it.
            "annotations": {**marks, "helm.sh/resource-policy": "keep"},
            "fields": self.fields,
            "preconditions": (
                *(ObjectIs(one.ref, digest_of(one.manifest)) for one in self.objects),
                *(ObjectIs(ref, digest_of(part), paths) for ref, part, paths in self._parts()),
            ),
        }

    def _parts(self) -> Iterable[tuple[ObjectRef, Manifest, tuple[str, ...]]]:
        for part in self.excerpts:
            ref = ObjectRef.of(part)
            yield ref, part, tuple(one.field for one in self.fields if one.object == ref)

    def as_changes(self, changes: Iterable[ObjectChange], rendered: Iterable[Manifest]) -> tuple[ObjectChange, ...]:
        """The release's changes: what it adopts is not added but changed."""
        new = {ObjectRef.of(manifest): manifest for manifest in rendered}
        before = {one.ref: one.manifest for one in self.objects}
        return tuple(
            ObjectChange(one.object, "change", _overwritten(before[one.object], new[one.object])) if one.object in before else one
            for one in changes
        )


def take_over(found: InTheWay, release: str, earlier: Sequence[Step]) -> Takeover:
    """Settle what is taken over, and what must not be.

    Args:
        found: what is in the way.
        release: the release that would be written, ``namespace/name``.
        earlier: the steps of the plan before it, of all hops.
    """
    removed = {each.object for step in earlier for each in _changes(step) if each.change == "remove"}
    taken = {one for step in earlier if isinstance(step, AdoptObjects) for one in step.fields}
    adopted = {one.object for step in earlier if isinstance(step, AdoptObjects) for one in step.objects}
    findings: list[Finding] = []
    objects: list[StrangeObject] = []
    for one in found.objects:
        if one.ref in removed | adopted:
            continue
        blocker = _blocker(one, release)
        if blocker is None:
            objects.append(one)
        else:
            findings.append(blocker)
    spared = {one.ref for one in objects} | adopted
    fields = [one for one in found.conflicts if one not in taken and one.object not in spared]
    excerpts, lost = _excerpts(found.contested, fields)
    findings += lost
    if found.unprobed:
        findings.append(unprobed(found.unprobed, release))
    return Takeover(release, tuple(objects), tuple(fields), excerpts, found.conflicts, tuple(findings))


def refuse_to_overwrite(found: InTheWay) -> list[Finding]:
    """What istioctl would overwrite without a word: it applies by force whatever it renders. All of it blocks."""
    findings = [unprobed(found.unprobed, ISTIOCTL)] if found.unprobed else []
    return findings + [_in_the_way(one.ref, ISTIOCTL, one.owner, "remove or rename it first") for one in found.objects]


def unprobed(why: str, release: str = "") -> Finding:
    """What others have in the way of a plan is not known."""
    return Finding(
        id="obstacles-unknown",
        severity="warning",
        message=f"whether objects or fields of others are in the way of {release or 'the plan'} is not known",
        evidence=why,
        fix="plan on the live cluster, with the right to write there; else a step that meets any refuses before it writes",
        source=_APPLY,
    )


def _changes(step: Step) -> tuple[ObjectChange, ...]:
    change = getattr(step, "change", None)
    return change.objects if isinstance(change, HelmChange) else ()


def _blocker(one: StrangeObject, release: str) -> Finding | None:
    if one.release and one.release != release:
        why, fix = f"it bears the marks of Helm release {one.release}", "take it out of that release first"
    elif one.manager:
        why, fix = f"it is managed by others: {one.manager}", "have its manager give it up first"
    elif one.ref.kind == "Secret":
        why, fix = "it is a Secret, whose values a plan must not hold, so it could not be given back", "remove or rename it first"
    else:
        return None
    return _in_the_way(one.ref, f"Helm release {release}", why, fix)


def _in_the_way(ref: ObjectRef, taker: str, why: str, fix: str) -> Finding:
    return Finding(
        id="object-in-the-way",
        severity="blocker",
        message=f"{ref} is there already, and {taker} cannot have it",
        objects=(FindingObject(ref.kind, ref.namespace, ref.name, "metadata.annotations"),),
        evidence=why,
        fix=fix,
        source=_HELM,
    )


def _excerpts(
    contested: Iterable[Manifest], fields: Collection[FieldOwnerConflict]
) -> tuple[tuple[Manifest, ...], list[Finding]]:
    parts: list[Manifest] = []
    lost: list[Finding] = []
    for manifest in contested:
        ref = ObjectRef.of(manifest)
        own = [one for one in fields if one.object == ref]
        part = None if ref.kind == "Secret" else excerpt(manifest, [one.field for one in own])
        if part is None:
            lost += [_cannot_be_given_back(one) for one in own]
        elif own:
            parts.append(part)
    return tuple(parts), lost


def _cannot_be_given_back(one: FieldOwnerConflict) -> Finding:
    ref = one.object
    return Finding(
        id="field-in-the-way",
        severity="blocker",
        message=f"{ref} {one.field} is owned by {one.manager}, and what it holds could not be put back",
        objects=(FindingObject(ref.kind, ref.namespace, ref.name, one.field),),
        evidence=f"a dry run of the chart conflicts with {one.manager}",
        fix=f"have {one.manager} give it up first",
        source=_APPLY,
    )


def _overwritten(before: Manifest, after: Manifest) -> tuple[str, ...]:
    return tuple(sorted({change.path for change in field_changes(before, after) if change.after is not None}))


def _count(things: Collection[Any], name: str) -> str:
    return f"{len(things)} {name}{'s' if len(things) > 1 else ''}" if things else ""
