"""Argo CD."""

from collections.abc import Iterator

from resail.installers.foreign.seen import Seen
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import ForeignManager

__all__ = ["argo_cd"]

_ID = "argocd.argoproj.io/tracking-id"
_LABEL = "argocd.argoproj.io/instance"
_MANAGERS = {"argocd-controller", "argocd-application-controller"}


def argo_cd(seen: Seen) -> Iterator[ForeignManager]:
    """Objects that it tracks by annotation or label, or that it has written.

    An id counts only where it names the object itself, as with Argo CD: copies of it go about. The label
    ``app.kubernetes.io/instance`` is no sign, since charts set it.

    Sources: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/; ``ArgoCDSSAManager`` in ``common/common.go``
    of argo-cd.
    """
    for manifest in seen.objects:
        metadata, ref = manifest["metadata"], ObjectRef.of(manifest)
        tracked = (metadata.get("annotations") or {}).get(_ID, "")
        label = (metadata.get("labels") or {}).get(_LABEL, "")
        writers = {entry.get("manager") for entry in metadata.get("managedFields") or ()}
        if _names(tracked, manifest):
            yield ForeignManager("Argo CD", ref, f"metadata.annotations.{_ID}", tracked, "object")
        elif label:
            yield ForeignManager("Argo CD", ref, f"metadata.labels.{_LABEL}", label, "object")
        else:
            for writer in sorted(writers & _MANAGERS):
                yield ForeignManager("Argo CD", ref, "metadata.managedFields", writer, "object")


def _names(tracked: str, manifest: Manifest) -> bool:
    """``application:group/Kind:namespace/name``"""
    _, _, tail = tracked.partition(":")
    group_kind, _, place = tail.partition(":")
    group, _, kind = group_kind.rpartition("/")
    ref = ObjectRef.of(manifest)
    return (group, kind, place.rpartition("/")[2]) == (ref.kind_ref.group, ref.kind, ref.name)
