"""Admission webhooks: which are selected for an object, and what the istiod behind one answers."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from resail.errors import ClusterApiError
from resail.models.identity import Manifest
from resail.models.selector import Selector
from resail.twin.injector import injected
from resail.twin.kinds import Kind
from resail.twin.readiness import is_ready
from resail.twin.refusals import failed_webhook
from resail.twin.store import Key, Store

__all__ = ["mutated", "validated"]

Operation = Literal["CREATE", "UPDATE"]


def mutated(store: Store, kind: Kind, manifest: Manifest) -> Manifest:
    """A new object as the mutating webhooks leave it: an istiod injects, others are taken to change nothing.

    Raises:
        ClusterApiError: one that fails closed does not answer.
    """
    for webhook in _selected(store, "MutatingWebhookConfiguration", kind, manifest, "CREATE"):
        try:
            pod = _backend(store, webhook)
            if pod is not None and kind.id == "Pod":
                manifest = injected(store, pod, manifest)
        except ClusterApiError:
            if webhook["failurePolicy"] == "Fail":
                raise
    return manifest


def validated(store: Store, kind: Kind, manifest: Manifest, operation: Operation) -> None:
    """Ask the validating webhooks, which find everything valid.

    Raises:
        ClusterApiError: one that fails closed does not answer.
    """
    for webhook in _selected(store, "ValidatingWebhookConfiguration", kind, manifest, operation):
        try:
            _backend(store, webhook)
        except ClusterApiError:
            if webhook["failurePolicy"] == "Fail":
                raise


def _selected(
    store: Store, configurations: str, kind: Kind, manifest: Manifest, operation: Operation
) -> Iterator[dict[str, Any]]:
    """In the order in which the API server calls them. Expressions in CEL (``matchConditions``) count as true."""
    labels = manifest["metadata"].get("labels") or {}
    around = _labels_around(store, kind, manifest)
    for key in store.keys(configurations):
        for webhook in (store.get(key) or {}).get("webhooks") or ():
            if (
                any(_covers(rule, kind, operation) for rule in webhook.get("rules") or ())
                and (around is None or _fits(webhook, "namespaceSelector", around))
                and _fits(webhook, "objectSelector", labels)
            ):
                yield webhook


def _labels_around(store: Store, kind: Kind, manifest: Manifest) -> dict[str, str] | None:
    """Of the namespace; None for what is in none, which every namespace selector lets through."""
    if kind.id == "Namespace":
        return manifest["metadata"].get("labels") or {}
    if not kind.namespaced:
        return None
    namespace = store.get(Key("Namespace", "", manifest["metadata"]["namespace"])) or {"metadata": {}}
    return namespace["metadata"].get("labels") or {}


def _covers(rule: dict[str, Any], kind: Kind, operation: Operation) -> bool:
    def has(field: str, value: str) -> bool:
        return "*" in rule[field] or value in rule[field]

    scope = rule.get("scope", "*")
    return (
        has("operations", operation)
        and has("apiGroups", kind.group)
        # By the match policy Equivalent a rule for one version of a kind covers the others.
        and ("*" in rule["apiVersions"] or any(version in rule["apiVersions"] for version in kind.versions))
        and (has("resources", kind.plural) or "*/*" in rule["resources"])
        and (scope == "*" or (scope == "Namespaced") == kind.namespaced)
    )


def _fits(webhook: dict[str, Any], field: str, labels: dict[str, str]) -> bool:
    return msgspec.convert(webhook.get(field) or {}, Selector).fits(labels)


def _backend(store: Store, webhook: dict[str, Any]) -> Manifest | None:
    """A ready pod behind the webhook's Service; None for a URL, which is outside of the twin.

    Raises:
        ClusterApiError: nobody answers, or nobody whose certificate is trusted.
    """
    client = webhook["clientConfig"]
    if "service" not in client:
        return None
    namespace, name = client["service"]["namespace"], client["service"]["name"]
    service = store.get(Key("Service", namespace, name))
    if service is None:
        raise failed_webhook(webhook["name"], f'service "{name}" not found')
    selector = service["spec"].get("selector") or {}
    pods = [
        pod
        for pod in store.all("Pod", namespace)
        if selector and selector.items() <= (pod["metadata"].get("labels") or {}).items() and is_ready(pod)
    ]
    url = f"https://{name}.{namespace}.svc:{client['service'].get('port', 443)}{client['service'].get('path', '')}"
    if not pods:
        raise failed_webhook(webhook["name"], f'Post "{url}": no endpoints available for service "{name}"')
    if not client.get("caBundle"):
        raise failed_webhook(webhook["name"], f'Post "{url}": tls: failed to verify certificate: x509: unknown authority')
    return min(pods, key=lambda pod: str(pod["metadata"]["name"]))
