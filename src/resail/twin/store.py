"""The twin's objects: what etcd is to a real cluster."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

from resail.models.encoding import canonical_json
from resail.models.identity import Manifest
from resail.twin.clock import TwinClock
from resail.twin.file import TwinFile

__all__ = ["Change", "Key", "Store", "copied"]

T = TypeVar("T")

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
"""What names are made unique with: letters and digits that spell no words."""


class Key(NamedTuple):
    kind: str
    """``Kind.id``"""
    namespace: str
    name: str


class Change(NamedTuple):
    """What a listener is told of."""

    key: Key
    before: Manifest | None
    after: Manifest | None


def copied(manifest: Manifest) -> Manifest:
    """An equal one that shares nothing."""
    found: Manifest = msgspec.json.decode(msgspec.json.encode(manifest))
    return found


class Store:
    """Objects are never changed in place: who has been given one may keep it, and must copy it before changing it.

    The same seed and the same calls give the same uids, names and versions.
    """

    def __init__(self, seed: int, clock: TwinClock, file: TwinFile | None = None, version: int = 0) -> None:
        self.clock = clock
        self._seed = seed
        self._file = file
        self._version = version
        self._objects: dict[str, dict[str, dict[str, Manifest]]] = {}
        self._bodies: dict[Key, bytes] = {}
        self._shapes: dict[Key, dict[type, Any]] = {}
        self._owned: dict[str, dict[Key, None]] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._unsaved: dict[Key, None] = {}
        self._unsaved_timers: dict[str, float | None] = {}
        self.timers: dict[str, float] = {}
        """Name → time of the clock at which something is to happen. Changed by ``set_timer`` alone."""
        if file is not None:
            self.timers = file.timers()
            for kind, body in file.objects():
                manifest = msgspec.json.decode(body)
                self._put(_key(kind, manifest), manifest)

    # --- reading ---

    def get(self, key: Key) -> Manifest | None:
        return self._objects.get(key.kind, {}).get(key.namespace, {}).get(key.name)

    def body(self, key: Key) -> bytes:
        """The JSON of an object that is there."""
        if key not in self._bodies:
            self._bodies[key] = canonical_json(self.get(key))
        return self._bodies[key]

    def shape(self, key: Key, decoder: msgspec.json.Decoder[T]) -> T:
        """An object that is there, decoded; the same one until it changes, since counting pods asks for all of them again."""
        shapes = self._shapes.setdefault(key, {})
        if decoder.type not in shapes:
            shapes[decoder.type] = decoder.decode(self.body(key))
        found: T = shapes[decoder.type]
        return found

    def keys(self, kind: str, namespace: str = "") -> Iterator[Key]:
        """Of all objects of a kind, in all namespaces where none is given, in the order of namespaces and names."""
        spaces = self._objects.get(kind, {})
        for space in [namespace] if namespace else sorted(spaces):
            yield from (Key(kind, space, name) for name in sorted(spaces.get(space, ())))

    def all(self, kind: str, namespace: str = "") -> list[Manifest]:
        """As ``keys``, but the objects, in no order that means anything."""
        spaces = self._objects.get(kind, {})
        if namespace:
            return list(spaces.get(namespace, {}).values())
        return [manifest for space in spaces.values() for manifest in space.values()]

    def everything(self) -> list[Key]:
        return [key for kind in sorted(self._objects) for key in self.keys(kind)]

    def owned(self, uid: str, kind: str = "") -> list[Manifest]:
        """The objects (of a kind) that name the one with this uid as an owner, oldest first."""
        keys = (key for key in self._owned.get(uid, ()) if not kind or key.kind == kind)
        return [manifest for key in keys if (manifest := self.get(key)) is not None]

    # --- writing ---

    def add(self, kind: str, manifest: Manifest, *, counted: bool) -> Manifest:
        """Keep a new object, with all that the server fills in."""
        metadata = manifest["metadata"]
        metadata["uid"] = str(uuid.UUID(bytes=self._random("uid")[:16], version=4))
        metadata["creationTimestamp"] = self.clock.timestamp()
        metadata["resourceVersion"] = self._next_version()
        if counted:
            metadata["generation"] = 1
        return self._write(_key(kind, manifest), None, manifest)

    def replace(self, key: Key, manifest: Manifest) -> Manifest:
        """Keep an object in place of what was there; where nothing differs, nothing is written."""
        before = self.get(key)
        assert before is not None
        if before == manifest:
            return before
        manifest["metadata"]["resourceVersion"] = self._next_version()
        return self._write(key, before, manifest)

    def edit(self, key: Key, change: Callable[[Manifest], Any]) -> Manifest:
        """Change a copy of what is there, and keep it."""
        before = self.get(key)
        assert before is not None
        manifest = copied(before)
        change(manifest)
        return self.replace(key, manifest)

    def edit_status(self, key: Key, change: Callable[[Manifest], Any]) -> Manifest:
        """As ``edit`` where nothing but the status is changed: the rest, which is most of a pod, need not be copied."""
        before = self.get(key)
        assert before is not None
        status = {"status": copied(before["status"])} if "status" in before else {}
        manifest = {**before, "metadata": {**before["metadata"]}, **status}
        change(manifest)
        return self.replace(key, manifest)

    def set_status(self, key: Key, status: dict[str, Any]) -> Manifest:
        """Put a status in place of the one that is there."""
        return self.edit_status(key, lambda new: new.update(status=status))

    def remove(self, key: Key) -> None:
        before = self.get(key)
        if before is None:
            return
        del self._objects[key.kind][key.namespace][key.name]
        self._forget(key, before)
        self._next_version()
        self._tell(Change(key, before, None))

    def set_timer(self, name: str, due: float | None) -> None:
        """None takes it away."""
        if due is None:
            self.timers.pop(name, None)
        else:
            self.timers[name] = due
        self._unsaved_timers[name] = due

    def unique_name(self, prefix: str) -> str:
        """``prefix`` with five letters that no other name has."""
        letters = "".join(_SUFFIX[byte % len(_SUFFIX)] for byte in self._random(f"name {prefix}")[:5])
        return f"{prefix}{letters}"

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Have it called after each change, until what this returns is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def save(self) -> None:
        """Bring what is new into the file."""
        if self._file is not None and (self._unsaved or self._unsaved_timers):
            objects = [(*key, self.body(key) if self.get(key) else None) for key in self._unsaved]
            self._file.write(objects, self._unsaved_timers.items(), self._version, self.clock.monotonic())
        self._unsaved.clear()
        self._unsaved_timers.clear()

    # --- inside ---

    def _write(self, key: Key, before: Manifest | None, after: Manifest) -> Manifest:
        if before is not None:
            self._forget(key, before)
        self._put(key, after)
        self._tell(Change(key, before, after))
        return after

    def _put(self, key: Key, manifest: Manifest) -> None:
        self._objects.setdefault(key.kind, {}).setdefault(key.namespace, {})[key.name] = manifest
        for owner in manifest["metadata"].get("ownerReferences") or ():
            self._owned.setdefault(owner["uid"], {})[key] = None

    def _forget(self, key: Key, manifest: Manifest) -> None:
        self._bodies.pop(key, None)
        self._shapes.pop(key, None)
        for owner in manifest["metadata"].get("ownerReferences") or ():
            of_owner = self._owned.get(owner["uid"], {})
            of_owner.pop(key, None)
            if not of_owner:
                self._owned.pop(owner["uid"], None)

    def _tell(self, change: Change) -> None:
        self._unsaved[change.key] = None
        for listener in list(self._listeners):
            listener(change)

    def _next_version(self) -> str:
        self._version += 1
        return str(self._version)

    def _random(self, what: str) -> bytes:
        # No random generator: what it has come to would have to be kept in the file.
        return hashlib.sha256(f"{self._seed} {self._version} {what}".encode()).digest()


def _key(kind: str, manifest: Manifest) -> Key:
    metadata = manifest["metadata"]
    return Key(kind, metadata.get("namespace", ""), metadata["name"])
