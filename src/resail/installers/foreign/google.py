"""Google Cloud Service Mesh with a managed control plane."""

from collections.abc import Iterator

from resail.installers.foreign.seen import Seen
from resail.models.identity import ObjectRef
from resail.models.snapshot import ForeignManager

__all__ = ["google_mesh"]

_NAME = "Google Cloud Service Mesh"


def google_mesh(seen: Seen) -> Iterator[ForeignManager]:
    """Its ControlPlaneRevisions, and webhooks of a revision ``asm-managed…`` that call a URL.

    Source: https://cloud.google.com/service-mesh/docs/provision-managed-control-plane
    """
    for ref in seen.google_revisions:
        yield ForeignManager(_NAME, ref, "kind", "ControlPlaneRevision", "mesh")
    for manifest in seen.objects:
        revision = (manifest["metadata"].get("labels") or {}).get("istio.io/rev", "")
        calls_url = any("url" in entry["clientConfig"] for entry in manifest.get("webhooks") or ())
        if revision.startswith("asm-managed") and calls_url:
            yield ForeignManager(_NAME, ObjectRef.of(manifest), "metadata.labels.istio.io/rev", revision, "mesh")
