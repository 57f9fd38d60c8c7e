"""Flux."""

from collections.abc import Iterator

from resail.installers.foreign.seen import Seen
from resail.models.identity import ObjectRef
from resail.models.snapshot import ForeignManager

__all__ = ["flux"]

_LABELS = ("helm.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/name")


def flux(seen: Seen) -> Iterator[ForeignManager]:
    """Objects that its helm-controller or kustomize-controller labels, and HelmReleases.

    Sources: https://fluxcd.io/flux/components/helm/helmreleases/ and
    https://fluxcd.io/flux/components/kustomize/kustomizations/
    """
    for manifest in seen.objects:
        labels = manifest["metadata"].get("labels") or {}
        for label in _LABELS:
            if label in labels:
                yield ForeignManager("Flux", ObjectRef.of(manifest), f"metadata.labels.{label}", labels[label], "object")
    for one in seen.flux_releases:
        yield ForeignManager("Flux", one.ref, "spec.releaseName", one.release, "object", one.release)
