"""Fill a twin with the objects of a mesh as they are: past admission, and with their status."""

from collections.abc import Iterable
from typing import Any

from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.stand_in import StandIn
from resail.twin.controllers.kubelet import give_address
from resail.twin.controllers.owners import controller_of
from resail.twin.controllers.revisions import HASH, ensure_revision
from resail.twin.creation import begun
from resail.twin.defaults import fill_in
from resail.twin.ownership import applied, written
from resail.twin.server import Server
from resail.twin.store import Key, copied
from resail.twin.tidying import tidied

__all__ = ["load"]

_OTHERS = "kube-controller-manager"


def load(server: Server, objects: Iterable[StandIn]) -> None:
    """Keep all of them, in their order, before any controller looks: owners come before what they own."""
    for one in objects:
        manifest = copied(one.manifest)
        key = server.key(ObjectRef.of(manifest))
        there = server.store.get(key)
        if there is None:
            _add(server, key, manifest, one)
        else:
            server.store.replace(key, _joined(there, manifest))


def _joined(there: Manifest, manifest: Manifest) -> Manifest:
    """What a new cluster has by itself, with the labels and (of kube-system) the uid that are wanted."""
    return {**there, "metadata": {**there["metadata"], **manifest["metadata"]}}


def _add(server: Server, key: Key, manifest: Manifest, one: StandIn) -> None:
    kind = server.kinds.of(key.kind)
    tidy = manifest if kind.custom else tidied(manifest)
    status = tidy.pop("status", {})
    metadata = tidy["metadata"]
    if "ownerReferences" in metadata:
        metadata["ownerReferences"] = [_with_uid(server, key.namespace, owner) for owner in metadata["ownerReferences"]]
    if key.kind == "Pod":
        metadata["labels"] = {**(metadata.get("labels") or {}), **_revision(server, tidy)}
    now = server.store.clock.timestamp()
    installed = applied(None, tidied(copied(one.applied)), one.applied_by, now, force=True).manifest if one.applied else None
    if installed is not None:
        metadata["managedFields"] = installed["metadata"]["managedFields"]
    if installed is not None or one.manager:
        tidy = written(installed, tidy, one.manager or _OTHERS, now)
    tidy["apiVersion"] = kind.api_version()
    fill_in(tidy)
    begun(server.store, kind, tidy)
    if status:
        tidy["status"] = {**(tidy.get("status") or {}), **status}
    server.store.add(kind.id, tidy, counted=kind.counted)
    if key.kind == "Pod" and status.get("phase") == "Running":
        server.store.edit(key, give_address)


def _with_uid(server: Server, namespace: str, owner: dict[str, Any]) -> dict[str, Any]:
    return {**owner, "uid": _owner(server, namespace, owner)["metadata"]["uid"]}


def _owner(server: Server, namespace: str, reference: dict[str, Any]) -> Manifest:
    kind = server.kind(KindRef(reference["apiVersion"], reference["kind"]))
    found = server.store.get(Key(kind.id, namespace if kind.namespaced else "", reference["name"]))
    assert found is not None, f"{reference['kind']} {reference['name']} comes before what it owns"
    return found


def _revision(server: Server, pod: Manifest) -> dict[str, str]:
    """The label by which a StatefulSet or DaemonSet knows its pods to be of the present template."""
    reference = controller_of(pod)
    if reference is None or reference["kind"] not in ("StatefulSet", "DaemonSet"):
        return {}
    revision = ensure_revision(server, _owner(server, pod["metadata"]["namespace"], reference))
    metadata = revision["metadata"]
    return {HASH: metadata["name"] if reference["kind"] == "StatefulSet" else metadata["labels"][HASH]}
