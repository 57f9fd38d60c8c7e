"""The numbered writes of a rollback that is only foreseen, with what each of them changes."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from resail.checks.differences import field_changes, object_changes
from resail.engine.calls import Calls, Until
from resail.engine.foresight.cluster import ForeseenCluster, Touch, replaces_pods
from resail.journal.sqlite import SqliteJournal
from resail.models.essence import essence
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import ObjectChange
from resail.models.undoing import FieldBack, WriteForeseen

__all__ = ["Ledger"]

T = TypeVar("T")

_BOOKS = "helm.sh/release.v1"
"""Type of the Secrets in which Helm keeps its revisions."""


class Ledger(Calls):
    """As ``Calls``; remembers what the writes do."""

    def __init__(self, journal: SqliteJournal, run: str, cluster: ForeseenCluster) -> None:
        super().__init__(journal, run, None)
        self._cluster = cluster
        self._writes: list[WriteForeseen] = []
        self._restarts: set[ObjectRef] = set()

    async def make(self, verb: str, target: str, act: Callable[[], Awaitable[T]], until: Until | None = None) -> T:
        start = len(self._cluster.touches)
        result = await super().make(verb, target, act)
        by_installer = " " in verb
        # Workloads of a wave are written to at the same time.
        touches = [one for one in self._cluster.touches[start:] if by_installer or str(one.ref) == target]
        self._restarts |= {one.ref for one in touches if replaces_pods(one)}
        self._writes.append(
            WriteForeseen(
                verb,
                target,
                fields=() if by_installer else tuple(_fields(touches)),
                objects=_objects(touches) if by_installer else (),
            )
        )
        return result

    def taken(self) -> tuple[tuple[WriteForeseen, ...], tuple[ObjectRef, ...]]:
        """The writes, and the workloads that they restart, since it was asked last."""
        told = tuple(self._writes), tuple(sorted(self._restarts))
        self._writes, self._restarts = [], set()
        return told


def _fields(touches: Iterable[Touch]) -> Iterator[FieldBack]:
    for touch in touches:
        if touch.before is None or touch.after is None:
            continue
        secret = touch.ref.kind == "Secret"
        for change in field_changes(essence(touch.before), essence(touch.after)):
            yield FieldBack(change.path, _shown(change.before, secret), _shown(change.after, secret))


def _objects(touches: Iterable[Touch]) -> tuple[ObjectChange, ...]:
    before: dict[ObjectRef, Manifest] = {}
    after: dict[ObjectRef, Manifest] = {}
    for touch in touches:
        if any((one or {}).get("type") == _BOOKS for one in (touch.before, touch.after)):
            continue
        if touch.before is not None and touch.ref not in after:
            before.setdefault(touch.ref, essence(touch.before))
        if touch.after is not None:
            after[touch.ref] = essence(touch.after)
        else:
            after.pop(touch.ref, None)
    return object_changes(before.values(), after.values())


def _shown(value: Any, secret: bool) -> str:
    if value is None:
        return ""
    if secret:
        return "(not shown)"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
