"""Pod templates, and which of them carry a proxy of their own."""

from resail.checks.hazards.case import Case
from resail.models.field_path import find
from resail.models.identity import Manifest, ObjectRef

__all__ = ["TEMPLATE", "own_proxies", "templates"]

TEMPLATE = "spec.template"

_KINDS = ("Deployment.apps", "StatefulSet.apps", "DaemonSet.apps")


def templates(case: Case) -> dict[ObjectRef, Manifest]:
    """Objects that have one.

    Raises:
        Unknown: a kind could not be read.
    """
    return {ObjectRef.of(one): one for kind in _KINDS for one in case.all(kind)}


def own_proxies(manifest: Manifest) -> dict[str, str]:
    """Path of the image of each container ``istio-proxy`` in its template → the image."""
    return {
        field.path: field.value
        for group in ("containers", "initContainers")
        for field in find(manifest, f"{TEMPLATE}.spec.{group}[name=istio-proxy].image")
        if isinstance(field.value, str)
    }
