"""The garbage collector: what belonged to an object that is gone goes too."""

from collections.abc import Iterable

from resail.models.identity import KindRef, Manifest
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["GarbageCollector"]


class GarbageCollector:
    """In the background, as ``ClusterWriter.delete`` asks for it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.after is not None:
            if (change.before is None and change.after["metadata"].get("ownerReferences")) or (
                change.before is not None and _owners(change.before) != _owners(change.after)
            ):
                yield change.key
        elif change.before is not None:
            uid = change.before["metadata"]["uid"]
            for kind in self._server.kinds.all():
                for manifest in self._store.owned(uid, kind.id) if self._store.owned(uid) else ():
                    yield Key(kind.id, manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])

    def reconcile(self, key: Key) -> float | None:
        manifest = self._store.get(key)
        if manifest is None or not _owners(manifest):
            return None
        there = [owner for owner in _owners(manifest) if self._is_there(owner, key.namespace)]
        if not there:
            self._server.delete(key)
        elif len(there) < len(_owners(manifest)):
            self._store.edit(key, lambda new: new["metadata"].update(ownerReferences=there))
        return None

    def _is_there(self, owner: dict[str, str], namespace: str) -> bool:
        kind = self._server.kinds.find(KindRef(owner["apiVersion"], owner["kind"]))
        if kind is None:
            return False
        found = self._store.get(Key(kind.id, namespace if kind.namespaced else "", owner["name"]))
        return found is not None and found["metadata"]["uid"] == owner["uid"]


def _owners(manifest: Manifest) -> list[dict[str, str]]:
    return manifest["metadata"].get("ownerReferences") or []
