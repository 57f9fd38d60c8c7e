"""Namespaces: what each has by itself, and its end."""

from collections.abc import Iterable

from resail.models.identity import Manifest
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["NamespaceController"]

_ROOT_CA = "kube-root-ca.crt"


class NamespaceController:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "Namespace":
            yield change.key
        elif change.after is None and change.key.namespace:
            namespace = Key("Namespace", "", change.key.namespace)
            mine = change.key.name in (_ROOT_CA, "default") and change.key.kind in ("ConfigMap", "ServiceAccount")
            if mine or "deletionTimestamp" in (self._store.get(namespace) or {"metadata": {}})["metadata"]:
                yield namespace

    def reconcile(self, key: Key) -> float | None:
        namespace = self._store.get(key)
        if namespace is None:
            return None
        if "deletionTimestamp" in namespace["metadata"]:
            self._end(key)
            return None
        self._ensure(key.name, {"apiVersion": "v1", "kind": "ServiceAccount"}, "default")
        certificate = {"ca.crt": "of the twin"}
        self._ensure(key.name, {"apiVersion": "v1", "kind": "ConfigMap", "data": certificate}, _ROOT_CA)
        return None

    def _ensure(self, namespace: str, manifest: Manifest, name: str) -> None:
        if self._store.get(Key(manifest["kind"], namespace, name)) is None:
            self._server.create({**manifest, "metadata": {"name": name, "namespace": namespace}})

    def _end(self, key: Key) -> None:
        self._store.edit(key, lambda new: new["status"].update(phase="Terminating"))
        content = [one for kind in self._server.kinds.all() if kind.namespaced for one in self._store.keys(kind.id, key.name)]
        for one in content:
            self._server.delete(one)
        if not any(self._store.get(one) for one in content):
            self._store.remove(key)
