"""CustomResourceDefinitions: a kind is served from the moment it is defined, and its objects go with it."""

from collections.abc import Iterable

from resail.models.identity import Manifest
from resail.twin.kinds import custom_id
from resail.twin.readiness import set_condition
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["DefinitionController"]


class DefinitionController:
    def __init__(self, server: Server) -> None:
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind != "CustomResourceDefinition":
            return
        if change.after is not None:
            yield change.key
        elif change.before is not None:
            for key in list(self._store.keys(custom_id(change.before))):
                self._store.remove(key)

    def reconcile(self, key: Key) -> float | None:
        if self._store.get(key) is not None:
            self._store.edit(key, self._establish)
        return None

    def _establish(self, definition: Manifest) -> None:
        spec = definition["spec"]
        status = definition.setdefault("status", {})
        now = self._store.clock.timestamp()
        set_condition(status, "NamesAccepted", True, now, reason="NoConflicts", message="no conflicts found")
        set_condition(
            status, "Established", True, now, reason="InitialNamesAccepted", message="the initial names have been accepted"
        )
        status["acceptedNames"] = spec["names"]
        stored = next(version["name"] for version in spec["versions"] if version["storage"])
        before = status.get("storedVersions") or []
        status["storedVersions"] = before if stored in before else [*before, stored]
