"""Labels and annotations that concern the mesh, on what is not a part of it: pure."""

from collections.abc import Mapping
from typing import Any

from resail.models.backup import Marks
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import group_kind

__all__ = ["marks_of"]

_KINDS = frozenset(
    ("Namespace", "Service", "ServiceAccount", "DaemonSet.apps", "Deployment.apps", "StatefulSet.apps", "CronJob.batch")
)
"""Kinds whose marks steer who is in the mesh and how: injection, the data plane's mode, waypoints, networks, sidecars."""

_PLAIN = ("istio-injection", "istio")
_ENDS = (".istio.io", "gateway.networking.k8s.io")


def marks_of(manifest: Manifest) -> Marks | None:
    """An object's marks, with those of its pods; None where it has none, or is of a kind that has none of this sort."""
    if group_kind(manifest["apiVersion"], manifest["kind"]) not in _KINDS:
        return None
    template = _template(manifest).get("metadata") or {}
    marks = Marks(
        ref=ObjectRef.of(manifest),
        labels=_of_the_mesh(manifest["metadata"].get("labels")),
        annotations=_of_the_mesh(manifest["metadata"].get("annotations")),
        template_labels=_of_the_mesh(template.get("labels")),
        template_annotations=_of_the_mesh(template.get("annotations")),
    )
    return marks if marks.labels or marks.annotations or marks.template_labels or marks.template_annotations else None


def _template(manifest: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = manifest.get("spec") or {}
    if group_kind(manifest["apiVersion"], manifest["kind"]) == "CronJob.batch":
        spec = spec["jobTemplate"]["spec"]
    return spec.get("template") or {}


def _of_the_mesh(marks: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in sorted((marks or {}).items()) if _concerns_it(key)}


def _concerns_it(key: str) -> bool:
    prefix = key.partition("/")[0]
    return key in _PLAIN or prefix == "istio.io" or prefix.endswith(_ENDS)
