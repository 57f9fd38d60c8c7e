"""What is still connected to a revision, or would be: the reasons not to remove it."""

import re
from collections.abc import Iterator, Sequence

from resail.checks.injection import pointer_of, revision_behind
from resail.models.field_path import find
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import MeshSnapshot, Pod

__all__ = ["still_asked_for"]

_ENDED = ("Succeeded", "Failed")


def still_asked_for(snapshot: MeshSnapshot, revision: str, objects: Sequence[Manifest]) -> tuple[str, ...]:
    """What speaks against removing a revision, in words; empty where nothing does.

    Args:
        snapshot: the mesh.
        revision: the one that is to go.
        objects: those that go with it.
    """
    own = {ObjectRef.of(manifest) for manifest in objects}
    services = [ObjectRef.of(manifest) for manifest in objects if manifest["kind"] == "Service"]
    return (
        *_pods(snapshot, revision),
        *_tags(snapshot, revision),
        *_namespaces(snapshot, revision),
        *_templates(snapshot, revision, own),
        *_webhooks(snapshot, own, services),
        *_addresses(snapshot, own, services),
    )


def _pods(snapshot: MeshSnapshot, revision: str) -> Iterator[str]:
    for workload in snapshot.workloads:
        connected = [pod.name for pod in workload.pods if _is_connected(pod, revision)]
        if connected:
            yield f"{len(connected)} pods of {workload.ref} have its sidecar ({', '.join(connected[:3])})"


def _is_connected(pod: Pod, revision: str) -> bool:
    return bool(pod.proxy_version) and pod.revision == revision and pod.phase not in _ENDED


def _tags(snapshot: MeshSnapshot, revision: str) -> Iterator[str]:
    return (f"tag {tag.tag} points to it" for tag in snapshot.tags if tag.revision == revision)


def _namespaces(snapshot: MeshSnapshot, revision: str) -> Iterator[str]:
    for namespace in snapshot.namespaces:
        pointer, _ = pointer_of(namespace, {})
        if pointer == revision == revision_behind(snapshot, pointer):
            yield f"namespace {namespace.name} asks for it"


def _templates(snapshot: MeshSnapshot, revision: str, own: set[ObjectRef]) -> Iterator[str]:
    by_name = {namespace.name: namespace for namespace in snapshot.namespaces}
    for workload in snapshot.workloads:
        wants = {**workload.labels, **workload.inject_annotations}
        pointer, where = pointer_of(by_name.get(workload.ref.namespace), wants)
        if workload.ref not in own and where == "pod" and pointer == revision == revision_behind(snapshot, pointer):
            yield f"the pod template of {workload.ref} asks for it"


def _webhooks(snapshot: MeshSnapshot, own: set[ObjectRef], services: Sequence[ObjectRef]) -> Iterator[str]:
    """A validator that nobody has moved, whose calls would fail from then on."""
    names = {f"{one.namespace}/{one.name}" for one in services}
    return (f"{hook.ref} calls {hook.service}" for hook in snapshot.webhooks if hook.service in names and hook.ref not in own)


def _addresses(snapshot: MeshSnapshot, own: set[ObjectRef], services: Sequence[ObjectRef]) -> Iterator[str]:
    """ztunnel and others that are told by their environment where istiod is."""
    for release in snapshot.helm_releases:
        for manifest in release.objects if release.installed else ():
            ref = ObjectRef.of(manifest)
            if ref in own:
                continue
            values = [str(field.value) for field in find(manifest, "spec.template.spec.containers[*].env[*].value")]
            for one in services:
                host = re.compile(rf"(^|//){re.escape(one.name)}\.{re.escape(one.namespace)}\b")
                if any(host.search(value) for value in values):
                    yield f"{ref} connects to Service {one.namespace}/{one.name}"
