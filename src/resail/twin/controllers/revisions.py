"""ControllerRevisions: the templates that a StatefulSet or DaemonSet has had."""

from typing import Any

from resail.models.identity import Manifest
from resail.twin.controllers.owners import key_of, reference_to
from resail.twin.controllers.pods import template_hash
from resail.twin.server import Server

__all__ = ["HASH", "clean_up", "ensure_revision", "revisions_of", "template_of"]

HASH = "controller-revision-hash"
"""The label by which a pod says which revision it is of."""


def revisions_of(server: Server, workload: Manifest) -> list[Manifest]:
    """Oldest first."""
    found = server.store.owned(workload["metadata"]["uid"], "ControllerRevision")
    return sorted(found, key=lambda one: (one["revision"], one["metadata"]["name"]))


def ensure_revision(server: Server, workload: Manifest) -> Manifest:
    """That of the present template, as the newest."""
    template = workload["spec"]["template"]
    known = revisions_of(server, workload)
    number = known[-1]["revision"] + 1 if known else 1
    same = [one for one in known if template_of(one) == template]
    if same:
        found = same[-1]
        if found is known[-1]:
            return found
        return server.store.edit(key_of("ControllerRevision", found), lambda one: one.update(revision=number))
    mark = template_hash(template)
    metadata = workload["metadata"]
    made = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{metadata['name']}-{mark}",
            "namespace": metadata["namespace"],
            "labels": {**(template["metadata"].get("labels") or {}), HASH: mark},
            "ownerReferences": [reference_to(workload)],
        },
        "data": {"spec": {"template": template}},
        "revision": number,
    }
    return server.create(made)


def template_of(revision: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = revision["data"]["spec"]["template"]
    return found


def clean_up(server: Server, workload: Manifest, used: set[str]) -> None:
    """Keep as many unused ones as the workload wants. ``used`` has names."""
    unused = [one for one in revisions_of(server, workload) if one["metadata"]["name"] not in used]
    for one in unused[: max(0, len(unused) - workload["spec"]["revisionHistoryLimit"])]:
        server.delete(key_of("ControllerRevision", one))
