"""Istio's injectors: which of them take a pod, as the API server would decide by their selectors."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.webhooks.end_state import labels_of, removed
from resail.models.field_path import Field, find, first
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import InstallRevision
from resail.models.selector import Selector

__all__ = ["Injector", "entries", "injectors_after", "injectors_before", "takers"]

_KIND = "MutatingWebhookConfiguration"
_API = "admissionregistration.k8s.io/v1"
_NOT_REFUSED = {"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]}


class Injector(msgspec.Struct, frozen=True):
    """One entry of a webhook configuration."""

    manifest: Manifest
    """The configuration."""
    path: str
    """Of the entry in it."""
    namespaces: Selector
    pods: Selector
    service: tuple[str, str] | None
    """Namespace and name of what it calls; None: something else."""

    def takes(self, namespace: Mapping[str, str], pod: Mapping[str, str]) -> bool:
        """A pod with these labels, in a namespace with those?"""
        return self.namespaces.fits(dict(namespace)) and self.pods.fits(dict(pod))

    @property
    def name(self) -> str:
        """Of its configuration."""
        return str(first(self.manifest, "metadata.name"))


def takers(injectors: tuple[Injector, ...], namespace: Mapping[str, str], pod: Mapping[str, str]) -> list[Injector]:
    """Those that take a pod, one for each configuration."""
    found = {one.name: one for one in injectors if one.takes(namespace, pod)}
    return [found[name] for name in sorted(found)]


def injectors_before(case: Case) -> tuple[Injector, ...]:
    """As they are before the hop.

    Raises:
        Unknown: they could not be read.
    """
    return tuple(one for manifest in _configurations(case).values() for one in entries(manifest))


def injectors_after(case: Case) -> tuple[Injector, ...]:
    """As the hop leaves them. A tag that is moved takes the same pods.

    Raises:
        Unknown: they could not be read.
    """
    after = _configurations(case)
    for part in case.parts:
        after |= {ObjectRef.of(one): one for one in part.rendered or () if one.get("kind") == _KIND}
    for revision in _new_revisions(case):
        if all(labels_of(one).get("istio.io/rev") != revision for one in after.values()):
            made = _of_revision(revision)
            after[ObjectRef.of(made)] = made
    gone = removed(case)
    return tuple(one for ref, manifest in after.items() if ref not in gone for one in entries(manifest))


def _configurations(case: Case) -> dict[ObjectRef, Manifest]:
    """As they are in the cluster, or as an earlier hop makes them."""
    live = {ObjectRef.of(one): one for one in case.all(f"{_KIND}.admissionregistration.k8s.io")}
    made = {ObjectRef.of(one): one for release in case.snapshot.helm_releases for one in release.objects}
    made |= {ObjectRef.of(one): one for component in case.snapshot.istioctl_components for one in component.objects}
    both = {**made, **live}
    refs = [hook.ref for hook in case.snapshot.webhooks if hook.ref.kind == _KIND]
    return {ref: both[ref] for ref in refs if ref in both}


def _new_revisions(case: Case) -> list[str]:
    if case.steps is None:
        return [case.new_revision] if case.new_revision != case.revision else []
    return [step.revision for step in case.steps if isinstance(step, InstallRevision)]


def _of_revision(revision: str) -> Manifest:
    """What chart istiod makes for a named revision, in every version."""
    of_revision = {"key": "istio.io/rev", "operator": "In", "values": [revision]}
    unlabelled = [{"key": key, "operator": "DoesNotExist"} for key in ("istio.io/rev", "istio-injection")]
    by_namespace = {
        "namespaceSelector": {"matchExpressions": [of_revision, unlabelled[1]]},
        "objectSelector": {"matchExpressions": [_NOT_REFUSED]},
    }
    by_pod = {
        "namespaceSelector": {"matchExpressions": unlabelled},
        "objectSelector": {"matchExpressions": [_NOT_REFUSED, of_revision]},
    }
    return {
        "apiVersion": _API,
        "kind": _KIND,
        "metadata": {"name": f"istio-sidecar-injector-{revision}", "labels": {"istio.io/rev": revision}},
        "webhooks": [by_namespace, by_pod],
    }


def entries(manifest: Manifest) -> Iterator[Injector]:
    """The entries of a configuration.

    Raises:
        Unknown: a selector cannot be read.
    """
    for entry in find(manifest, "webhooks[*]"):
        namespace, name = (first(entry.value, f"clientConfig.service.{key}") for key in ("namespace", "name"))
        service = (namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None
        namespaces, pods = (_selector(manifest, entry, key) for key in ("namespaceSelector", "objectSelector"))
        yield Injector(manifest, entry.path, namespaces, pods, service)


def _selector(manifest: Manifest, entry: Field, key: str) -> Selector:
    written: Any = first(entry.value, key) or {}
    try:
        return msgspec.convert(written, Selector)
    except msgspec.ValidationError as error:
        raise Unknown(f"the {key} of {ObjectRef.of(manifest)} cannot be read: {error}") from None
