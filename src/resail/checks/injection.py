"""Which revision injects a pod: the precedence of Istio's labels.

Namespace ``istio-injection`` first, then namespace ``istio.io/rev``, then pod ``istio.io/rev``, then pod
``sidecar.istio.io/inject: "true"``; ``sidecar.istio.io/inject: "false"`` always opts out
(https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy).
"""

from collections.abc import Mapping

from resail.models.snapshot import MeshSnapshot, Namespace, Workload

__all__ = ["DEFAULT", "in_mesh", "injecting_revision", "pointer_of", "revision_behind"]

DEFAULT = "default"

_INJECT = "sidecar.istio.io/inject"
_REVISION = "istio.io/rev"


def pointer_of(namespace: Namespace | None, pod: Mapping[str, str]) -> tuple[str, str]:
    """The revision or tag that a pod's labels ask for, and where: ``namespace`` or ``pod``. Empty: none.

    Args:
        namespace: of the pod.
        pod: labels (and injection annotations) of the pod template.
    """
    labels = namespace.labels if namespace else {}
    if pod.get(_INJECT) == "false":
        return "", ""
    if "istio-injection" in labels:
        return (DEFAULT, "namespace") if labels["istio-injection"] == "enabled" else ("", "")
    if _REVISION in labels:
        return labels[_REVISION], "namespace"
    if _REVISION in pod:
        return pod[_REVISION], "pod"
    return (DEFAULT, "pod") if pod.get(_INJECT) == "true" else ("", "")


def revision_behind(snapshot: MeshSnapshot, pointer: str) -> str:
    """The revision that a tag or revision name leads to; empty where nothing of that name is there."""
    for tag in snapshot.tags:
        if tag.tag == pointer:
            return tag.revision
    return pointer if any(plane.revision == pointer for plane in snapshot.control_planes) else ""


def in_mesh(snapshot: MeshSnapshot, workload: Workload) -> bool:
    """Has a workload sidecars, or should its next pod get one?"""
    found = next((one for one in snapshot.namespaces if one.name == workload.ref.namespace), None)
    pointer, _ = pointer_of(found, {**workload.labels, **workload.inject_annotations})
    return bool(pointer) or any(pod.proxy_version for pod in workload.pods)


def injecting_revision(snapshot: MeshSnapshot, namespace: str, pod: Mapping[str, str]) -> str:
    """The revision that would inject a pod created now; empty where none would."""
    found = next((one for one in snapshot.namespaces if one.name == namespace), None)
    pointer, _ = pointer_of(found, pod)
    return revision_behind(snapshot, pointer) if pointer else ""
