"""The twin's API server: what becomes of a request. It answers at once; ``cluster`` gives it a connection."""

from typing import Any

from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.merge_patch import patched
from resail.twin.creation import begun, with_account
from resail.twin.defaults import fill_in
from resail.twin.kinds import Kind, Kinds
from resail.twin.ownership import applied, written
from resail.twin.quotas import check_quotas
from resail.twin.refusals import conflict, exists, field_conflicts, forbidden, invalid, missing, unserved
from resail.twin.schemas import pruned
from resail.twin.store import Change, Key, Store, copied
from resail.twin.tidying import tidied
from resail.twin.validation import check_change, check_new
from resail.twin.webhooks import mutated, validated

__all__ = ["Server"]

_OF_THE_SERVER = (
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "name",
    "namespace",
)
"""Metadata that writers do not change."""


class Server:
    """Every method raises the errors that its namesake of ``ClusterReader`` and ``ClusterWriter`` names."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.kinds = Kinds()
        for definition in store.all("CustomResourceDefinition"):
            self.kinds.define(definition)
        store.listen(self._see)

    # --- names ---

    def kind(self, ref: KindRef) -> Kind:
        found = self.kinds.find(ref)
        if found is None:
            raise unserved(ref)
        return found

    def key(self, ref: ObjectRef) -> Key:
        kind = self.kind(ref.kind_ref)
        return Key(kind.id, ref.namespace if kind.namespaced else "", ref.name)

    def found(self, ref: ObjectRef) -> Key:
        """The key of an object that is there."""
        key = self.key(ref)
        if self.store.get(key) is None:
            raise missing(self.kind(ref.kind_ref), ref.name)
        return key

    # --- writing ---

    def create(self, manifest: Manifest, manager: str = "", *, dry_run: bool = False) -> Manifest:
        """Without a manager, nobody owns the fields: so do controllers create, whose pods nobody applies."""
        kind = self.kind(ObjectRef.of(manifest).kind_ref)
        new = self._prepared(kind, manifest)
        metadata = new["metadata"]
        if metadata.get("generateName") and not metadata.get("name"):
            metadata["name"] = self.store.unique_name(metadata["generateName"])
        return self._add(kind, new, manager, dry_run)

    def apply(self, manifest: Manifest, manager: str, *, force: bool = False, dry_run: bool = False) -> Manifest:
        ref = ObjectRef.of(manifest)
        kind, key = self.kind(ref.kind_ref), self.key(ref)
        config = copied(manifest)
        live = self.store.get(key)
        if kind.has_status and not (kind.id == "Node" and live is None):
            config.pop("status", None)
        if not kind.namespaced:
            config["metadata"].pop("namespace", None)
        config = self._known(kind, config, ref.api_version)
        result = applied(live, config, manager, self.store.clock.timestamp(), force=force)
        if result.conflicts:
            raise field_conflicts(result.conflicts)
        new = copied(result.manifest)
        if live is None:
            return self._add(kind, new, "", dry_run)
        return self._change(kind, key, live, new, dry_run)

    def patch(self, ref: ObjectRef, patch: Manifest, manager: str, *, dry_run: bool = False) -> Manifest:
        key = self.found(ref)
        kind, live = self.kind(ref.kind_ref), self.store.get(key)
        assert live is not None
        metadata = patch.get("metadata") or {}
        for name in ("name", "namespace"):
            if metadata.get(name, live["metadata"].get(name)) != live["metadata"].get(name):
                raise invalid(kind, ref.name, f"the {name} of the object does not match the {name} on the URL", 400)
        ending = "deletionTimestamp"
        if metadata.get(ending) and metadata[ending] != live["metadata"].get(ending):
            raise invalid(kind, ref.name, f"metadata.{ending}: field is immutable")
        wanted = metadata.get("resourceVersion")
        if wanted is not None and wanted != live["metadata"]["resourceVersion"]:
            raise conflict(kind, ref.name)
        return self._update(kind, key, live, copied(patched(live, patch)), manager, dry_run)

    def delete(self, key: Key, *, dry_run: bool = False) -> None:
        """Of what is there; it goes at once, or as soon as those who must see to it have done so."""
        live = self.store.get(key)
        if live is None or dry_run:
            return
        grace = (
            (live["spec"].get("terminationGracePeriodSeconds", 30) if live["spec"].get("nodeName") else 0)
            if key.kind == "Pod"
            else 0
        )
        waits = live["metadata"].get("finalizers") or grace or key.kind == "Namespace"
        if not waits:
            self.store.remove(key)
        elif "deletionTimestamp" not in live["metadata"]:
            self.store.edit(key, lambda new: new["metadata"].update(self._ending(grace)))

    # --- inside ---

    def _prepared(self, kind: Kind, manifest: Manifest) -> Manifest:
        new = copied(manifest)
        metadata = new.setdefault("metadata", {})
        for name in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "deletionTimestamp"):
            metadata.pop(name, None)
        if not kind.namespaced:
            metadata.pop("namespace", None)
        return self._known(kind, new, manifest["apiVersion"])

    def _known(self, kind: Kind, manifest: Manifest, api_version: str) -> Manifest:
        """Without what the API drops: empty fields, or those that the schema of a custom kind does not know."""
        if not kind.custom:
            return tidied(manifest)
        schema = kind.schemas.get(api_version.rpartition("/")[2])
        if not schema:
            return manifest
        kept = {name: manifest[name] for name in ("apiVersion", "kind", "metadata") if name in manifest}
        return {**pruned({name: value for name, value in manifest.items() if name not in kept}, schema), **kept}

    def _add(self, kind: Kind, new: Manifest, manager: str, dry_run: bool) -> Manifest:
        new["apiVersion"] = kind.api_version()
        metadata = new["metadata"]
        key = Key(kind.id, metadata.get("namespace", ""), metadata.get("name", ""))
        fill_in(new)
        check_new(kind, new)
        self._check_namespace(kind, key)
        if kind.id == "Pod":
            with_account(self.store, kind, new)
        begun(self.store, kind, new)
        if manager:
            new = written(None, new, manager, self.store.clock.timestamp())
        new = mutated(self.store, kind, new)
        fill_in(new)
        check_new(kind, new)
        validated(self.store, kind, new, "CREATE")
        check_quotas(self.store, self.kinds, kind, new)
        if self.store.get(key) is not None:
            raise exists(kind, key.name)
        if dry_run:
            return {**new, "metadata": {**metadata, **new["metadata"], "creationTimestamp": self.store.clock.timestamp()}}
        return self.store.add(kind.id, new, counted=kind.counted)

    def _update(self, kind: Kind, key: Key, live: Manifest, new: Manifest, manager: str, dry_run: bool) -> Manifest:
        self._keep(kind, live, new)
        new = self._known(kind, new, new["apiVersion"])
        fill_in(new)
        return self._change(kind, key, live, written(live, new, manager, self.store.clock.timestamp()), dry_run)

    def _change(self, kind: Kind, key: Key, live: Manifest, new: Manifest, dry_run: bool) -> Manifest:
        new["apiVersion"] = kind.api_version()
        self._keep(kind, live, new)
        fill_in(new)
        check_change(kind, live, new)
        if kind.counted and _essence(new) != _essence(live):
            new["metadata"]["generation"] = live["metadata"]["generation"] + 1
        if new == live:
            return live
        validated(self.store, kind, new, "UPDATE")
        if dry_run:
            return new
        if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers") and kind.id != "Pod":
            self.store.remove(key)
            return new
        return self.store.replace(key, new)

    def _keep(self, kind: Kind, live: Manifest, new: Manifest) -> None:
        """What writers cannot change stays as it is."""
        for name in _OF_THE_SERVER:
            if name in live["metadata"]:
                new["metadata"][name] = live["metadata"][name]
            else:
                new["metadata"].pop(name, None)
        new["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        if kind.id == "Service":
            addresses = {name: live["spec"][name] for name in ("clusterIP", "clusterIPs") if name in live["spec"]}
            new["spec"] = {**addresses, **{name: value for name, value in new["spec"].items() if value is not None}}
        if kind.has_status:
            new.pop("status", None)
            if "status" in live:
                new["status"] = live["status"]

    def _check_namespace(self, kind: Kind, key: Key) -> None:
        if not kind.namespaced:
            return
        if not key.namespace:
            raise invalid(kind, key.name, "an empty namespace may not be set during creation", 400)
        namespace = self.store.get(Key("Namespace", "", key.namespace))
        if namespace is None:
            raise missing(self.kinds.of("Namespace"), key.namespace)
        if "deletionTimestamp" in namespace["metadata"]:
            raise forbidden(
                kind, key.name, f"unable to create new content in namespace {key.namespace} because it is being terminated"
            )

    def _ending(self, grace: int) -> dict[str, Any]:
        return {"deletionTimestamp": self.store.clock.timestamp(), "deletionGracePeriodSeconds": grace}

    def _see(self, change: Change) -> None:
        if change.key.kind != "CustomResourceDefinition":
            return
        if change.after is None:
            assert change.before is not None
            self.kinds.forget(change.before)
        else:
            self.kinds.define(change.after)


def _essence(manifest: Manifest) -> Manifest:
    """What counts for ``metadata.generation``."""
    return {name: value for name, value in manifest.items() if name not in ("apiVersion", "kind", "metadata", "status")}
