"""An istiod that does not run in this cluster."""

from collections.abc import Iterator

from resail.installers.foreign.seen import Seen
from resail.models.identity import ObjectRef
from resail.models.snapshot import ForeignManager

__all__ = ["external_istiod"]

_MUTATING = "MutatingWebhookConfiguration"
_GOOGLES = "asm-managed"


def external_istiod(seen: Seen) -> Iterator[ForeignManager]:
    """Injection by a URL, or a Service of istiod that no istiod of this cluster can be behind.

    Sources: https://istio.io/latest/docs/setup/install/external-controlplane/ and
    https://istio.io/latest/docs/setup/install/multicluster/primary-remote/
    """
    for manifest in seen.objects:
        revision = (manifest["metadata"].get("labels") or {}).get("istio.io/rev", "")
        if manifest["kind"] != _MUTATING or revision.startswith(_GOOGLES):
            continue
        for url in sorted({entry["clientConfig"].get("url", "") for entry in manifest.get("webhooks") or ()} - {""}):
            yield ForeignManager("external istiod", ObjectRef.of(manifest), "webhooks.clientConfig.url", url, "mesh")
    for service in seen.services:
        if not service.selects:
            yield ForeignManager("external istiod", service.ref, "spec.selector", "none", "mesh")
        elif not seen.istiods:
            why = "it selects pods, but the cluster has no Deployment of istiod"
            yield ForeignManager("external istiod", service.ref, "spec.selector", why, "mesh")
