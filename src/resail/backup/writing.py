"""Write a restoration: create what is missing, in its order, and give the fields back to their owners. Nothing is ever deleted.

It may be ended at any moment and done again: what is there by then is compared anew.
"""

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal

import msgspec

from resail.backup.creation import API_FAILS, create, with_owners_of_now
from resail.backup.order import CONTROL_PLANE, CUSTOM_RESOURCES, DEFINITIONS, STAGES
from resail.backup.ownership import owners_to_give_back, without_owners
from resail.backup.restoration import Action, Live, Restoration, comparable, judge, marks_patch
from resail.backup.waiting import until_ready, until_served
from resail.cluster import Clock, Cluster
from resail.errors import ApiConflictError, ClusterApiError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.merge_patch import merge_patch

__all__ = ["Outcome", "Result", "Writing", "WritingWatcher", "is_to_do", "left"]

_AT_ONCE = 16
_TRIES = 20
"""Of a patch that others were faster than: each time one of them has got on."""

_CHANGED = "it was changed while the restore went on"


Outcome = Literal["created", "finished", "overwritten", "marked", "left", "failed"]
"""``finished``: its fields were given back to their owners. ``left``: as it is in the cluster."""


class Result(msgspec.Struct, frozen=True, order=True):
    """What became of one object, or of the marks on one."""

    object: ObjectRef
    part: Literal["object", "marks"]
    outcome: Outcome
    why: str = ""


WritingWatcher = Callable[[str, int, int], None]
"""Is told the stage, how many objects of it are written, and of how many."""


def is_to_do(action: Action, *, overwrite: bool) -> bool:
    """Is anything written for it?"""
    return action.verdict in ("create", "finish", "mark") or (overwrite and action.verdict == "differs")


def left(actions: Iterable[Action], *, overwrite: bool) -> list[Result]:
    """What stays as it is in the cluster, though it is not as in the backup."""
    return [
        Result(action.ref, action.part, "left", _WHY_LEFT[action.verdict])
        for action in actions
        if action.verdict != "same" and not is_to_do(action, overwrite=overwrite)
    ]


class Writing:
    """One restoration as it is written."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        restoration: Restoration,
        live: Live,
        control_planes: Collection[ObjectRef],
        watcher: WritingWatcher,
        *,
        overwrite: bool,
    ) -> None:
        """
        Args:
            cluster: that is written to.
            clock: its own.
            restoration: what is to be done.
            live: what it was compared with.
            control_planes: the Deployments of istiods; they are waited for.
            watcher: of its progress.
            overwrite: whether objects that differ are made as they are in the backup.
        """
        self.results: list[Result] = []
        self._cluster = cluster
        self._clock = clock
        self._restoration = restoration
        self._live = live
        self._control_planes = control_planes
        self._watcher = watcher
        self._overwrite = overwrite
        self._deferred: list[Action] = []
        self._failing: set[KindRef] = set()
        self._istiod_is_ready = False

    async def write(self, actions: Sequence[Action]) -> None:
        """Do these, which are sorted; what became of each is in ``results``.

        Raises:
            HaltedError: istiod does not get ready.
            LeaseLostError: somebody else has the mesh's lease.
            ClusterUnreachableError: the API does not answer.
        """
        self.results += left(actions, overwrite=self._overwrite)
        todo = [action for action in actions if is_to_do(action, overwrite=self._overwrite)]
        for place, stage in itertools.groupby(todo, key=lambda action: action.place):
            if place > CONTROL_PLANE:
                await self._until_control_planes_are_ready()
            await self._all(STAGES[place].name, list(stage))
            if place == DEFINITIONS:
                kinds = {each.ref.kind_ref for each in actions if each.place == CUSTOM_RESOURCES}
                await until_served(self._cluster, self._clock, kinds)
        if self._deferred:
            await self._until_control_planes_are_ready()

    async def _all(self, stage: str, actions: Sequence[Action]) -> None:
        """Several at once; what is not about one object alone ends all."""
        waiting, done = iter(actions), 0
        self._watcher(stage, done, len(actions))

        async def work() -> None:
            nonlocal done
            for action in waiting:
                await self._attempt(action)
                done += 1
                self._watcher(stage, done, len(actions))

        workers = [asyncio.ensure_future(work()) for _ in range(min(_AT_ONCE, len(actions)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _attempt(self, action: Action) -> None:
        kind = action.ref.kind_ref
        if kind in self._failing:
            self._deferred.append(action)
            return
        try:
            self.results.append(await self._do(action))
        except ClusterApiError as error:
            if error.status >= API_FAILS and action.place == CUSTOM_RESOURCES and not self._istiod_is_ready:
                # Likely a webhook that was not deleted with its istiod. Once istiod is there again it will answer.
                self._failing.add(kind)
                self._deferred.append(action)
            else:
                self.results.append(_failed(action, str(error)))

    async def _do(self, action: Action) -> Result:
        if action.part == "marks":
            return await self._mark(action)
        if action.verdict == "create":
            return await self._create(action)
        live = self._live[action.ref]
        if action.verdict == "finish":
            await self._give_back(action.ref, live)
            return _done(action, "finished")
        return await self._replace(action, live)

    # --- objects ---

    async def _create(self, action: Action) -> Result:
        wanted = self._restoration.wanted[action.ref]
        bare, why = await with_owners_of_now(self._cluster, without_owners(wanted))
        live = await create(self._cluster, self._clock, bare)
        if live is None:
            # Somebody else's, such as the ServiceAccount that every namespace gets; or ours, whose answer was lost.
            live = await self._cluster.get(action.ref)
            verdict, _ = judge(wanted, live)
            if verdict == "leaving":
                return _failed(action, _WHY_LEFT[verdict])
            if verdict == "differs" and self._overwrite:
                return await self._replace(action, live)
            if verdict == "differs":
                return Result(action.ref, action.part, "left", "it was made while the restore went on, and not as in the backup")
        await self._give_back(action.ref, live)
        return _done(action, "created", why)

    async def _replace(self, action: Action, live: Manifest) -> Result:
        """Make it as in the backup, but only if it is still as it was compared."""
        compared, wanted = comparable(live), comparable(self._restoration.wanted[action.ref])

        def patch(now: Manifest) -> Manifest | None:
            # What is as wanted by now became so by a patch whose answer was lost.
            return merge_patch(compared, wanted) if (found := comparable(now)) == compared else {} if found == wanted else None

        changed = await self._patch(action.ref, live, patch)
        if changed is None:
            return _failed(action, _CHANGED)
        await self._give_back(action.ref, changed)
        return _done(action, "overwritten")

    async def _give_back(self, ref: ObjectRef, live: Manifest) -> None:
        """The fields to their owners."""
        wanted = self._restoration.wanted[ref]

        def patch(now: Manifest) -> Manifest | None:
            owners = owners_to_give_back(now, wanted)
            return None if owners is None else {"metadata": {"managedFields": owners}}

        await self._patch(ref, live, patch)

    async def _mark(self, action: Action) -> Result:
        marks, live = self._restoration.marks[action.ref], self._live[action.ref]
        compared = marks_patch(marks, live)

        def patch(now: Manifest) -> Manifest | None:
            return found if (found := marks_patch(marks, now)) in (compared, {}) else None

        changed = await self._patch(action.ref, live, patch)
        if changed is None:
            return _failed(action, _CHANGED)
        return _done(action, "marked")

    async def _patch(self, ref: ObjectRef, live: Manifest, make: Callable[[Manifest], Manifest | None]) -> Manifest | None:
        """Patch what the patch was made for and nothing newer; None where ``make`` makes none of what is there by then."""
        for _ in range(_TRIES):
            patch = make(live)
            if patch is None:
                return None
            version = {"resourceVersion": live["metadata"]["resourceVersion"]}
            try:
                return await self._cluster.patch(ref, {**patch, "metadata": {**(patch.get("metadata") or {}), **version}})
            except ApiConflictError:
                live = await self._cluster.get(ref)
        raise ClusterApiError("others change it all the time", on=str(ref), next_step="see who does, and restore again")

    # --- waiting ---

    async def _until_control_planes_are_ready(self) -> None:
        """Then do what had to wait for them."""
        if self._istiod_is_ready:
            return
        created = {action.ref for action in self._restoration.having("create")}
        for ref in sorted(self._control_planes):
            await until_ready(self._cluster, self._clock, ref, self._watcher, hopeful=ref in created)
        self._istiod_is_ready = True
        self._failing.clear()
        deferred, self._deferred = self._deferred, []
        if deferred:
            await self._all(STAGES[CUSTOM_RESOURCES].name, deferred)


def _done(action: Action, outcome: Outcome, why: str = "") -> Result:
    return Result(action.ref, action.part, outcome, why)


def _failed(action: Action, why: str) -> Result:
    return Result(action.ref, action.part, "failed", why)


_WHY_LEFT = {
    "differs": "it was changed since the backup",
    "leaving": "it is being deleted",
    "gone": "it is not there, and not in the backup",
}
