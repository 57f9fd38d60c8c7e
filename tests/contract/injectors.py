"""Injector webhooks as Istio's charts render them, and which of them a new pod would meet.

No istiod is behind them: the Service that they name is not there, so the API server refuses what they select, in the name of the
webhook and of the Service. They ask only for the namespaces of the test.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple
from uuid import uuid4

from resail.errors import ClusterApiError
from resail.models.identity import KindRef, Manifest, ObjectRef
from tests.contract.site import Site
from tests.contract.workloads import pod

__all__ = ["CONFIGURATION", "Asked", "asked", "injector", "injectors", "namespace", "reference", "tag"]

CONFIGURATION = KindRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")

_CALLED = re.compile(r'failed calling webhook "([^"]+)\.sidecar-injector\.istio\.io".*service "([^"]+)" not found', re.DOTALL)

Selector = list[dict[str, Any]]


class Asked(NamedTuple):
    """Prefix of the webhook's name (``rev.namespace``, ``rev.object``, ``namespace``, ``object``), and whose it is."""

    webhook: str
    service: str


def _is(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


def _is_not(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "operator": "NotIn", "values": [value]}


def _lacks(key: str) -> dict[str, Any]:
    return {"key": key, "operator": "DoesNotExist"}


_REVISION, _INJECTION, _INJECT = "istio.io/rev", "istio-injection", "sidecar.istio.io/inject"


def _selectors(pointer: str) -> dict[str, tuple[Selector, Selector]]:
    """Prefix → selectors of namespace and object: ``mutatingwebhook.yaml`` and ``revision-tags.yaml`` of the chart istiod."""
    found = {
        "rev.namespace": ([_is(_REVISION, pointer), _lacks(_INJECTION)], [_is_not(_INJECT, "false")]),
        "rev.object": ([_lacks(_REVISION), _lacks(_INJECTION)], [_is_not(_INJECT, "false"), _is(_REVISION, pointer)]),
    }
    if pointer == "default":
        found |= {
            "namespace": ([_is(_INJECTION, "enabled")], [_is_not(_INJECT, "false")]),
            "object": ([_lacks(_INJECTION), _lacks(_REVISION)], [_is(_INJECT, "true"), _lacks(_REVISION)]),
        }
    return found


def injector(site: Site, revision: str, policy: str = "Fail") -> Manifest:
    """Of a control plane; revision ``default`` is that of an empty one in the charts."""
    name = "istio-sidecar-injector" + ("" if revision == "default" else f"-{revision}")
    return _configuration(site, name, revision, revision, policy)


def tag(site: Site, name: str, revision: str, policy: str = "Fail") -> Manifest:
    return _configuration(site, f"istio-revision-tag-{name}", name, revision, policy)


def _configuration(site: Site, name: str, pointer: str, revision: str, policy: str) -> Manifest:
    service = "istiod" + ("" if revision == "default" else f"-{revision}")
    webhooks = [
        {
            "name": f"{prefix}.sidecar-injector.istio.io",
            "clientConfig": {"service": {"name": service, "namespace": site.namespace, "path": "/inject", "port": 443}},
            "sideEffects": "None",
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
            "failurePolicy": policy,
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchExpressions": [*of_namespace, _is("contract", site.namespace)]},
            "objectSelector": {"matchExpressions": of_object},
        }
        for prefix, (of_namespace, of_object) in _selectors(pointer).items()
    ]
    return {
        "apiVersion": CONFIGURATION.api_version,
        "kind": CONFIGURATION.kind,
        "metadata": {"name": f"{name}-{site.namespace}", "labels": {"istio.io/rev": revision}},
        "webhooks": webhooks,
    }


def reference(manifest: Manifest) -> ObjectRef:
    return ObjectRef(CONFIGURATION.api_version, CONFIGURATION.kind, "", manifest["metadata"]["name"])


@asynccontextmanager
async def namespace(site: Site, name: str, labels: dict[str, str] | None = None) -> AsyncIterator[Site]:
    """One more namespace that the test's webhooks ask for, ready for pods."""
    there = Site(site.cluster, site.clock, f"{site.namespace}-{name}")
    metadata = {"name": there.namespace, "labels": {"contract": site.namespace, **(labels or {})}}
    await site.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    try:

        async def has_account() -> bool:
            return "default" in await there.names(KindRef("v1", "ServiceAccount"))

        await site.until(has_account)
        yield there
    finally:
        await site.cluster.delete(ObjectRef("v1", "Namespace", "", there.namespace))


@asynccontextmanager
async def injectors(site: Site, *configurations: Manifest) -> AsyncIterator[None]:
    """These webhooks, once they are in effect."""
    async with AsyncExitStack() as stack:
        for manifest in configurations:
            await site.cluster.create(manifest)
            stack.push_async_callback(site.cluster.delete, reference(manifest))
        for number, manifest in enumerate(configurations):
            await _in_effect(site, f"probe-{number}", manifest, stack)
        yield


async def _in_effect(site: Site, name: str, manifest: Manifest, stack: AsyncExitStack) -> None:
    """Webhooks take a moment: wait for a pod in a namespace of the pointer's own to meet this one."""
    first = manifest["webhooks"][0]
    pointer = first["namespaceSelector"]["matchExpressions"][0]["values"][0]
    service = first["clientConfig"]["service"]["name"]
    there = await stack.enter_async_context(namespace(site, name, {_REVISION: pointer}))
    if first["failurePolicy"] == "Ignore":
        return

    async def meets() -> bool:
        found = await asked(there)
        return found is not None and found.service == service

    await site.until(meets)


async def asked(there: Site, labels: dict[str, str] | None = None) -> Asked | None:
    """The webhook that a new pod of these labels meets; ``None``: it meets none, and is there.

    No dry run: one that fails with 500 is tried again, which takes its time.
    """
    try:
        await there.cluster.create(pod(there, f"probe-{uuid4().hex[:8]}", labels, nodeSelector={"no": "where"}))
    except ClusterApiError as error:
        found = _CALLED.search(error.what)
        if found is None:
            raise
        return Asked(found[1], found[2])
    return None
