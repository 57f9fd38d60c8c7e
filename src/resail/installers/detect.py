"""Who owns an object, a part or a tag of the mesh: its marks, held against the stored Helm releases; pure, with the evidence."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import Ownership

__all__ = ["Holdings", "owner_among", "owner_of", "owner_of_part", "owner_of_tag"]

_HELM_NAME = "meta.helm.sh/release-name"
_HELM_NAMESPACE = "meta.helm.sh/release-namespace"
_ISTIOCTL = "install.operator.istio.io/owning-resource-namespace"
_ISTIOCTL_VERSION = "operator.istio.io/version"
_OPERATOR = "operator.istio.io"
_SAIL = "sailoperator.io"


class Holdings(msgspec.Struct, frozen=True):
    """The Helm releases that are stored, by ``namespace/name``."""

    objects: Mapping[str, frozenset[ObjectRef]]
    """Release → the objects of its manifest."""
    sails: frozenset[str] = frozenset()
    """Those that the Sail Operator made."""

    def holder_of(self, ref: ObjectRef) -> str:
        """The release whose manifest has the object; empty where none has."""
        return next((release for release in sorted(self.objects) if ref in self.objects[release]), "")


def owner_of(manifest: Manifest) -> Ownership:
    """The installer of one object by its marks alone. ``method`` is ``none`` where nothing tells.

    Sources: ``setMetadataVisitor`` in ``pkg/action/validate.go`` of Helm; ``operator/pkg/manifest/name.go`` of Istio, whose
    labels the charts do not render; ``pkg/helm/postrenderer.go`` of the Sail Operator, whose label ``managed-by`` is no sign,
    since ``istioctl tag set`` copies labels to the tags that it makes.
    """
    metadata = manifest.get("metadata") or {}
    labels: Mapping[str, str] = metadata.get("labels") or {}
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    sail = next((owner for owner in metadata.get("ownerReferences") or () if _SAIL in owner["apiVersion"]), None)
    if sail is not None:
        return Ownership("sail", "", f"its owner is {sail['kind']} {sail['name']}")
    if _HELM_NAME in annotations:
        release = f"{annotations.get(_HELM_NAMESPACE, '')}/{annotations[_HELM_NAME]}"
        return Ownership("helm", release, f"annotation {_HELM_NAME}: {annotations[_HELM_NAME]}")
    for label in (_ISTIOCTL_VERSION, _ISTIOCTL):
        if label in labels:
            return Ownership("istioctl", "", f"label {label}: {labels[label]}")
    return Ownership("none", "", "no mark of Helm, istioctl or the Sail Operator")


def owner_among(manifest: Manifest, holdings: Holdings) -> Ownership:
    """The installer of one object; ``mixed`` where its marks and the stored releases do not agree."""
    marked = owner_of(manifest)
    holder = holdings.holder_of(ObjectRef.of(manifest))
    if marked.method == "sail":
        return marked
    if marked.method != "helm":
        if not holder or holder in holdings.sails:
            return marked
        return Ownership("mixed", holder, f"{marked.evidence}, but the manifest of Helm release {holder} has it")
    if marked.release in holdings.sails:
        return Ownership("sail", "", f"{marked.evidence}, a release that the Sail Operator made")
    if marked.release not in holdings.objects:
        return Ownership("mixed", marked.release, f"{marked.evidence}, but no such Helm release is stored")
    if holder and holder != marked.release:
        return Ownership("mixed", holder, f"{marked.evidence}, but it is in the manifest of Helm release {holder}")
    if not holder:
        return Ownership("none", "", f"{marked.evidence}, but the manifest of that release does not have it")
    return marked


def owner_of_tag(webhook: Manifest, holdings: Holdings) -> Ownership:
    """Who made a tag: a chart's ``revisionTags``, Sail's IstioRevisionTag, istioctl, or somebody by hand.

    ``istioctl tag set`` copies labels and annotations (Helm's marks, too) from the revision's webhook, and takes the labels of
    ``operator.istio.io`` away, which each chart renders (``generateLabels`` in ``istioctl/pkg/tag/generate.go`` of Istio).
    """
    owner = owner_among(webhook, holdings)
    labels: Mapping[str, str] = webhook["metadata"].get("labels") or {}
    if owner.method == "none" and "release" in labels and not any(_OPERATOR in label for label in labels):
        return Ownership("istioctl", "", f"it lacks the chart's labels of {_OPERATOR}, as `istioctl tag set` leaves it")
    return owner


def owner_of_part(owners: Sequence[tuple[ObjectRef, Ownership]]) -> Ownership:
    """The owner of a part made of several objects; ``mixed`` where they do not agree, which the evidence tells."""
    alike: dict[tuple[str, str], list[tuple[ObjectRef, Ownership]]] = defaultdict(list)
    for ref, owner in owners:
        alike[owner.method, owner.release].append((ref, owner))
    if len(alike) == 1:
        return owners[0][1]
    return Ownership("mixed", "", "; ".join(_told(group) for group in alike.values()))


def _told(group: Iterable[tuple[ObjectRef, Ownership]]) -> str:
    (ref, owner), *others = group
    more = f" and {len(others)} more" if others else ""
    return f"{ref}{more}: {owner.method} ({owner.evidence})"
