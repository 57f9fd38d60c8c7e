"""Where a mesh keeps its root certificates; of Secrets nothing but these is looked at.

Workloads mount ConfigMap ``istio-ca-root-cert`` of their namespace. istiod signs with Secret ``cacerts`` where there is one, else
with the self-made ``istio-ca-secret``, and writes its root into the caBundle of its webhooks. See
https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/
"""

import contextlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from resail.cluster import ClusterReader
from resail.errors import ForbiddenError, NotFoundError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.trust import CONFIG_MAP, SIGNERS, Certificate, TrustBundle
from resail.snapshot.certificates import certificates_in, certificates_in_base64
from resail.snapshot.shapes import ConfigMapShape

__all__ = ["CA_BUNDLE", "ROOTS", "ROOT_CERT", "gather_trust"]

ROOT_CERT = "data[root-cert.pem]"
CA_BUNDLE = "webhooks.clientConfig.caBundle"
ROOTS = "istio.io/config=true"
"""Label of the ConfigMaps that istiod writes its root into."""

_CONFIG_MAP = KindRef("v1", "ConfigMap")
_WEBHOOK = KindRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")
_ROOT_KEYS = ("root-cert.pem", "ca.crt", "ca-cert.pem")
"""The first that a signer's Secret has; a self-made authority is its own root."""


async def gather_trust(
    reader: ClusterReader, istio_namespace: str, namespaces: Collection[str] | None = None
) -> tuple[TrustBundle, ...]:
    """All bundles, sorted; a kind or Secret that may not be read is left out.

    Args:
        reader: the mesh.
        istio_namespace: where the signer's Secret is.
        namespaces: whose ConfigMaps are looked at, one by one; None: all that can be listed.

    Raises:
        ClusterUnreachableError: the API does not answer.
        ForbiddenError: a ConfigMap of ``namespaces`` may not be read.
    """
    found: dict[tuple[str, tuple[Certificate, ...], str], list[ObjectRef]] = defaultdict(list)
    for ref, data in await (_config_maps(reader) if namespaces is None else _config_maps_of(reader, namespaces)):
        found[ROOT_CERT, certificates_in(data.get("root-cert.pem", "")), ""].append(ref)
    for hook in await _listed(reader.list_objects(_WEBHOOK, labels="app=sidecar-injector")):
        revision = (hook["metadata"].get("labels") or {}).get("istio.io/rev", "")
        for bundle in set(_ca_bundles(hook)):
            found[CA_BUNDLE, certificates_in_base64(bundle), revision].append(ObjectRef.of(hook))
    for field, ref, certificates in await _signer(reader, istio_namespace):
        found[field, certificates, ""].append(ref)
    bundles = [TrustBundle(field, tuple(sorted(set(refs))), certs, rev) for (field, certs, rev), refs in found.items() if certs]
    return tuple(sorted(bundles, key=lambda one: (one.field, one.objects)))


async def _config_maps(reader: ClusterReader) -> list[tuple[ObjectRef, dict[str, str]]]:
    listed: Sequence[ConfigMapShape] = await _listed(reader.list_shapes(_CONFIG_MAP, ConfigMapShape, labels=ROOTS))
    roots = [one for one in listed if one.metadata.name == CONFIG_MAP]
    return [(ObjectRef("v1", "ConfigMap", one.metadata.namespace, one.metadata.name), one.data) for one in roots]


async def _config_maps_of(reader: ClusterReader, namespaces: Collection[str]) -> list[tuple[ObjectRef, dict[str, str]]]:
    found = []
    for namespace in sorted(namespaces):
        ref = ObjectRef("v1", "ConfigMap", namespace, CONFIG_MAP)
        with contextlib.suppress(NotFoundError):
            found.append((ref, (await reader.get(ref)).get("data") or {}))
    return found


async def _listed(listing: Any) -> Sequence[Any]:
    try:
        return list(await listing)
    except (NotFoundError, ForbiddenError):
        return []


def _ca_bundles(hook: Manifest) -> Iterator[str]:
    return (bundle for entry in hook.get("webhooks") or () if (bundle := entry["clientConfig"].get("caBundle")))


async def _signer(reader: ClusterReader, namespace: str) -> list[tuple[str, ObjectRef, tuple[Certificate, ...]]]:
    for name in SIGNERS:
        ref = ObjectRef("v1", "Secret", namespace, name)
        try:
            data = (await reader.get(ref)).get("data") or {}
        except NotFoundError:
            continue
        except ForbiddenError:
            return []
        key = next((key for key in _ROOT_KEYS if data.get(key)), None)
        return [(f"data[{key}]", ref, certificates_in_base64(data[key]))] if key else []
    return []
