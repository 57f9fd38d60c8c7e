"""Webhook configurations, with what istiod has written into them."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import MeshSnapshot, Webhook
from resail.models.stand_in import StandIn
from resail.snapshot.stand_in.model import Released, marks_of

__all__ = ["webhook_configurations"]

_ISTIOD = "pilot-discovery"
_CA = base64.b64encode(b"stands for the certificate authority of istiod").decode()


def webhook_configurations(snapshot: MeshSnapshot, of_releases: Mapping[ObjectRef, Released]) -> Iterator[StandIn]:
    """Those of Istio: as their release has them, as a tag's owner left them, or else made up from what is known."""
    tags = {tag.webhook: tag.manifest for tag in snapshot.tags}
    validators = [tag.validator for tag in snapshot.tags if tag.validator]
    left = tags | {ObjectRef.of(validator): validator for validator in validators}
    for webhook in snapshot.webhooks:
        of_release = of_releases.get(webhook.ref)
        if of_release is not None:
            yield of_release.with_facts(_as_istiod_left(of_release.manifest, webhook), _ISTIOD)
        else:
            yield StandIn(_as_istiod_left(left.get(webhook.ref) or _made_up(webhook), webhook), manager=_ISTIOD)


def _as_istiod_left(manifest: Manifest, webhook: Webhook) -> Manifest:
    bundle = {"caBundle": _CA} if webhook.has_ca_bundle else {}
    entries = [
        {**entry, "clientConfig": {**entry["clientConfig"], **bundle}, "failurePolicy": policy}
        for entry, policy in zip(manifest.get("webhooks") or (), webhook.failure_policies, strict=False)
    ]
    return {**manifest, "webhooks": entries}


def _made_up(webhook: Webhook) -> Manifest:
    labels = {"istio.io/rev": webhook.revision, "istio.io/tag": webhook.tag, "app": "istiod"}
    marks = marks_of(webhook.owner)
    marks["labels"] = {**marks.get("labels", {}), **{name: value for name, value in labels.items() if value}}
    return {
        "apiVersion": webhook.ref.api_version,
        "kind": webhook.ref.kind,
        "metadata": {"name": webhook.ref.name, **marks},
        "webhooks": [
            {
                "name": f"{number}.{webhook.ref.name}.istio.io",
                "clientConfig": _client(webhook.service),
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
            }
            for number in range(len(webhook.failure_policies))
        ],
    }


def _client(service: str) -> dict[str, Any]:
    if "://" in service:
        return {"url": service}
    namespace, _, name = service.partition("/")
    return {"service": {"namespace": namespace, "name": name}}
