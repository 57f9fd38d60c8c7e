"""Pod templates, and which of them carry a proxy of their own."""

from resail.checks.hazards.case import Case
from resail.checks.hazards.webhooks.end_state import changes_of, labels_of
from resail.models.field_path import find
from resail.models.identity import Manifest, ObjectRef

__all__ = ["TEMPLATE", "own_proxies", "templates", "templates_after"]

TEMPLATE = "spec.template"

_KINDS = ("Deployment.apps", "StatefulSet.apps", "DaemonSet.apps")


def templates(case: Case) -> dict[ObjectRef, Manifest]:
    """Objects that have one.

    Raises:
        Unknown: a kind could not be read.
    """
    return {ObjectRef.of(one): one for kind in _KINDS for one in case.all(kind)}


def templates_after(case: Case) -> dict[ObjectRef, tuple[Manifest, dict[str, str]]]:
    """Objects that have one, and the labels of their pods, as the hop leaves them. What a step writes in a way that is not known
    is left out.

    Raises:
        Unknown: a kind could not be read.
    """
    rendered = {ObjectRef.of(one): one for part in case.parts for one in part.rendered or ()}
    written = {one.object for step in case.steps or () for one in changes_of(step)}
    labels = {workload.ref: workload.labels for workload in case.snapshot.workloads}
    found = {}
    for ref, manifest in templates(case).items():
        if ref in rendered:
            found[ref] = (rendered[ref], labels_of(rendered[ref], f"{TEMPLATE}.metadata.labels"))
        elif ref not in written:
            found[ref] = (manifest, labels.get(ref, {}))
    return found


def own_proxies(manifest: Manifest) -> dict[str, str]:
    """Path of the image of each container ``istio-proxy`` in its template → the image."""
    return {
        field.path: field.value
        for group in ("containers", "initContainers")
        for field in find(manifest, f"{TEMPLATE}.spec.{group}[name=istio-proxy].image")
        if isinstance(field.value, str)
    }
