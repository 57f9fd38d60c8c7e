"""Write a restoration: create what is missing, in its order, and give the fields back to their owners. Nothing is ever deleted.

It may be ended at any moment and done again: what is there by then is compared anew.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Collection, Sequence
from typing import Literal

import msgspec

from resail.backup.order import CONTROL_PLANE, CUSTOM_RESOURCES, DEFINITIONS, STAGES
from resail.backup.ownership import owners_to_give_back, without_owners
from resail.backup.restoration import Action, Live, Restoration, comparable, judge, marks_patch
from resail.checks.rollout import rollout_of
from resail.cluster import Clock, Cluster, get_if_there
from resail.errors import ApiConflictError, ClusterApiError, ClusterUnreachableError, HaltedError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.merge_patch import merge_patch

__all__ = ["Outcome", "Result", "Writing", "WritingWatcher"]

_AT_ONCE = 16
_POLL = 0.5  # seconds
_SERVED_WITHIN = 60.0  # seconds
_READY_WITHIN = 300.0  # seconds
_WAITS = (0.5, 1.0, 2.0, 4.0)
"""Seconds before a creation that the API failed is tried again."""
_TRIES = 20
"""Of a patch that others were faster than: each time one of them has got on."""

_FAILS = 500
"""HTTP answers from here on are about the API, not the object."""

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
        self.results += [_left(action) for action in actions if not self._is_to_do(action) and action.verdict != "same"]
        for place, stage in itertools.groupby(filter(self._is_to_do, actions), key=lambda action: action.place):
            if place > CONTROL_PLANE:
                await self._until_control_planes_are_ready()
            await self._all(STAGES[place].name, list(stage))
            if place == DEFINITIONS:
                await self._until_served({each.ref.kind_ref for each in actions if each.place == CUSTOM_RESOURCES})
        if self._deferred:
            await self._until_control_planes_are_ready()

    def _is_to_do(self, action: Action) -> bool:
        return action.verdict in ("create", "finish", "mark") or (self._overwrite and action.verdict == "differs")

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
            if error.status >= _FAILS and action.place == CUSTOM_RESOURCES and not self._istiod_is_ready:
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
        bare, why = await self._with_owners_of_now(without_owners(wanted))
        live = await self._created(bare)
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

    async def _created(self, manifest: Manifest) -> Manifest | None:
        """The object as it was created; None where there is one of this name."""
        for wait in (*_WAITS, None):
            try:
                return await self._cluster.create(manifest)
            except ApiConflictError:
                return None
            except (ClusterApiError, ClusterUnreachableError) as error:
                # One that failed may have taken effect; if so, the next attempt finds it there.
                if wait is None or (isinstance(error, ClusterApiError) and error.status < _FAILS):
                    raise
                await self._clock.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def _with_owners_of_now(self, manifest: Manifest) -> tuple[Manifest, str]:
        """With the identities that the object's owners have now; one that is not there would have it collected as garbage."""
        metadata = manifest["metadata"]
        kept, gone = [], []
        for owner in metadata.get("ownerReferences") or ():
            live = await self._owner(owner, metadata.get("namespace", ""))
            if live is None:
                gone.append(f"{owner['kind']} {owner['name']}")
            else:
                kept.append({**owner, "uid": live["metadata"]["uid"]})
        if not kept and not gone:
            return manifest, ""
        others = {name: value for name, value in metadata.items() if name != "ownerReferences"}
        owned = {**manifest, "metadata": {**others, **({"ownerReferences": kept} if kept else {})}}
        return owned, f"without its owner, which is not there: {', '.join(gone)}" if gone else ""

    async def _owner(self, owner: Manifest, namespace: str) -> Manifest | None:
        for home in dict.fromkeys((namespace, "")):
            with contextlib.suppress(ClusterApiError):
                return await self._cluster.get(ObjectRef(owner["apiVersion"], owner["kind"], home, owner["name"]))
        return None

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

    async def _until_served(self, kinds: Collection[KindRef]) -> None:
        """Until the API serves these kinds; what it then does not serve fails object by object."""
        deadline = self._clock.monotonic() + _SERVED_WITHIN
        while not {resource.kind for resource in await self._cluster.resource_kinds()}.issuperset(kinds):
            if self._clock.monotonic() > deadline:
                return
            await self._clock.sleep(_POLL)

    async def _until_control_planes_are_ready(self) -> None:
        """Then do what had to wait for them."""
        if self._istiod_is_ready:
            return
        for ref in sorted(self._control_planes):
            await self._until_ready(ref)
        self._istiod_is_ready = True
        self._failing.clear()
        deferred, self._deferred = self._deferred, []
        if deferred:
            await self._all(STAGES[CUSTOM_RESOURCES].name, deferred)

    async def _until_ready(self, ref: ObjectRef) -> None:
        created = {action.ref for action in self._restoration.having("create")}
        deadline = self._clock.monotonic() + _READY_WITHIN
        while (live := await get_if_there(self._cluster, ref)) is not None:
            rollout = rollout_of(live)
            if rollout.whole:
                return
            self._watcher(f"waiting for {ref}", rollout.ready, rollout.wanted)
            if self._clock.monotonic() > deadline:
                if ref not in created:
                    # It was not ready before either, and nobody knows whether it ever will be.
                    return
                raise HaltedError(
                    f"{rollout.ready} of {rollout.wanted} pods are ready after {_READY_WITHIN:.0f} s",
                    on=str(ref),
                    next_step=f"see `kubectl -n {ref.namespace} describe pods`; then restore again, which does the rest",
                )
            await self._clock.sleep(_POLL)


def _done(action: Action, outcome: Outcome, why: str = "") -> Result:
    return Result(action.ref, action.part, outcome, why)


def _failed(action: Action, why: str) -> Result:
    return Result(action.ref, action.part, "failed", why)


def _left(action: Action) -> Result:
    return Result(action.ref, action.part, "left", _WHY_LEFT[action.verdict])


_WHY_LEFT = {
    "differs": "it was changed since the backup",
    "leaving": "it is being deleted",
    "gone": "it is not there, and not in the backup",
}
