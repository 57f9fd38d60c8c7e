"""Every write of a run has a number, which is journalled before the write and again after it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from resail.cluster import FIELD_MANAGER, ClusterWriter
from resail.errors import ResailError
from resail.installers.interface import Installer, ReleaseState
from resail.journal.copy import JournalCopy, NoCopy
from resail.journal.sqlite import SqliteJournal
from resail.models.identity import Manifest, ObjectRef
from resail.models.journal import CallIntent, CallOutcome
from resail.models.plan import FieldOwnerConflict, HelmChange

__all__ = ["CallObserver", "Calls", "NumberedInstaller", "NumberedWriter", "Until"]

T = TypeVar("T")

Phase = Literal["before", "during", "after"]

CallObserver = Callable[[int, Phase, str, str], None]
"""Called with number, moment, verb and object: ``before`` the write but after its intent, ``during`` an installer's action
(its new revision is pending), and ``after`` the write but before its outcome is journalled. Tests die in it."""

_RECOVER = "helm recover"

_LOOK = 0.02  # seconds between two looks whether an installer's action is under way


class Calls:
    """The numbers of one run."""

    def __init__(self, journal: SqliteJournal, run: str, observer: CallObserver | None, copy: JournalCopy | None = None) -> None:
        self._journal = journal
        self._copy = copy or NoCopy()
        self._run = run
        self.observer = observer
        self.step = ""
        """The step that writes now."""
        self._last = 0
        self._unfinished: set[str] = set()
        self._half_done: set[str] = set()
        begun: dict[int, CallIntent] = {}
        for entry in journal.entries(run):
            match entry.body:
                case CallIntent() as intent:
                    self._last = max(self._last, intent.call)
                    begun[intent.call] = intent
                    self._begins(intent.verb, intent.object)
                case CallOutcome(call=call, ok=True):
                    self._ended_well(begun[call].verb, begun[call].object)

    def unfinished(self, target: str) -> bool:
        """Did the last write to this object begin and not end well?"""
        return target in self._unfinished

    def half_done(self, release: str) -> bool:
        """Was an action on this release cut short and its record cleared away, and did no other end well since?"""
        return release in self._half_done

    async def make(self, verb: str, target: str, act: Callable[[], Awaitable[T]], until: "Until | None" = None) -> T:
        """Make one write.

        Args:
            verb: what is done.
            target: to which object.
            act: does it.
            until: tells that the act is under way, for the observer's ``during``.

        Raises:
            HaltedError: the intent could not be copied to where it must be before the act, which was not done.
        """
        self._last += 1
        number = self._last
        self._journal.append(self._run, CallIntent(number, self.step, verb, target))
        self._begins(verb, target)
        await self._copy.settle()
        self._observe(number, "before", verb, target)
        try:
            if until is not None and self.observer is not None:
                result = await self._watched(number, verb, target, act, until)
            else:
                result = await act()
        except ResailError as error:
            self._journal.append(self._run, CallOutcome(number, ok=False, detail=str(error)))
            raise
        self._observe(number, "after", verb, target)
        self._journal.append(self._run, CallOutcome(number, ok=True))
        self._ended_well(verb, target)
        return result

    def _begins(self, verb: str, target: str) -> None:
        self._unfinished.add(target)
        if verb == _RECOVER:
            self._half_done.add(target)

    def _ended_well(self, verb: str, target: str) -> None:
        self._unfinished.discard(target)
        if verb != _RECOVER:
            self._half_done.discard(target)

    async def _watched(self, number: int, verb: str, target: str, act: Callable[[], Awaitable[T]], until: "Until") -> T:
        task = asyncio.ensure_future(act())
        while not task.done():
            if await until():
                self._observe(number, "during", verb, target)
                break
            await asyncio.sleep(_LOOK)
        return await task

    def _observe(self, number: int, phase: Phase, verb: str, target: str) -> None:
        if self.observer is not None:
            self.observer(number, phase, verb, target)


Until = Callable[[], Awaitable[bool]]


class NumberedWriter:
    """A ``ClusterWriter`` whose writes are journalled; dry runs are no writes."""

    def __init__(self, writer: ClusterWriter, calls: Calls) -> None:
        self._writer = writer
        self._calls = calls

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        if dry_run:
            return await self._writer.create(manifest, dry_run=True)
        return await self._calls.make("create", str(ObjectRef.of(manifest)), lambda: self._writer.create(manifest))

    async def apply(
        self, manifest: Manifest, *, manager: str = FIELD_MANAGER, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        def act() -> Awaitable[Manifest]:
            return self._writer.apply(manifest, manager=manager, force=force, dry_run=dry_run)

        return await (act() if dry_run else self._calls.make("apply", str(ObjectRef.of(manifest)), act))

    async def patch(self, ref: ObjectRef, patch: Manifest, *, dry_run: bool = False) -> Manifest:
        if dry_run:
            return await self._writer.patch(ref, patch, dry_run=True)
        return await self._calls.make("patch", str(ref), lambda: self._writer.patch(ref, patch))

    async def delete(self, ref: ObjectRef, *, dry_run: bool = False) -> None:
        if dry_run:
            return await self._writer.delete(ref, dry_run=True)
        return await self._calls.make("delete", str(ref), lambda: self._writer.delete(ref))

    async def evict(self, pod: ObjectRef, *, dry_run: bool = False) -> None:
        if dry_run:
            return await self._writer.evict(pod, dry_run=True)
        return await self._calls.make("evict", str(pod), lambda: self._writer.evict(pod))


class NumberedInstaller:
    """An ``Installer`` whose actions are journalled; what only looks passes through."""

    def __init__(self, installer: Installer, calls: Calls) -> None:
        self._installer = installer
        self._calls = calls

    async def state(self, release: str) -> ReleaseState | None:
        return await self._installer.state(release)

    def half_done(self, release: str) -> bool:
        """As ``Calls.half_done``."""
        return self._calls.half_done(release)

    async def conflicts(self, release: str, objects: Sequence[Manifest]) -> tuple[FieldOwnerConflict, ...]:
        return await self._installer.conflicts(release, objects)

    async def manifest(self, release: str, revision: int = 0) -> tuple[Manifest, ...]:
        return await self._installer.manifest(release, revision)

    async def apply(self, change: HelmChange, objects: Sequence[Manifest], charts: Path, *, run: str) -> ReleaseState:
        release = f"{change.namespace}/{change.release}"
        return await self._calls.make(
            f"helm {change.action}",
            release,
            lambda: self._installer.apply(change, objects, charts, run=run),
            self._pending(release),
        )

    async def rollback(
        self, release: str, to_revision: int, *, run: str, forced: Sequence[FieldOwnerConflict] = ()
    ) -> ReleaseState:
        return await self._calls.make(
            "helm rollback",
            release,
            lambda: self._installer.rollback(release, to_revision, run=run, forced=forced),
            self._pending(release),
        )

    async def uninstall(self, release: str, *, keep_history: bool = False) -> None:
        await self._calls.make("helm uninstall", release, lambda: self._installer.uninstall(release, keep_history=keep_history))

    async def recover(self, release: str, *, run: str) -> bool:
        """As ``Installer.recover``; the journal knows what is unfinished."""
        state = await self._installer.state(release)
        if state is None or not (state.status.startswith("pending-") or state.status == "failed"):
            return False
        unfinished = self._calls.unfinished(release)
        return await self._calls.make(_RECOVER, release, lambda: self._installer.recover(release, run=run, unfinished=unfinished))

    def _pending(self, release: str) -> Until:
        async def pending() -> bool:
            state = await self._installer.state(release)
            return state is not None and state.status.startswith("pending-")

        return pending
