"""Wait for what a restore needs of the cluster before it goes on."""

from collections.abc import Callable, Collection

from resail.checks.rollout import rollout_of
from resail.cluster import Clock, ClusterReader, get_if_there
from resail.errors import HaltedError
from resail.models.identity import KindRef, ObjectRef

__all__ = ["until_ready", "until_served"]

_POLL = 0.5  # seconds
_SERVED_WITHIN = 60.0  # seconds
_READY_WITHIN = 300.0  # seconds


async def until_served(reader: ClusterReader, clock: Clock, kinds: Collection[KindRef]) -> None:
    """Until the API serves these kinds, for a minute at most; objects of what it then does not serve are refused one by one."""
    deadline = clock.monotonic() + _SERVED_WITHIN
    while not {resource.kind for resource in await reader.resource_kinds()}.issuperset(kinds):
        if clock.monotonic() > deadline:
            return
        await clock.sleep(_POLL)


async def until_ready(
    reader: ClusterReader, clock: Clock, ref: ObjectRef, tell: Callable[[str, int, int], None], *, hopeful: bool
) -> None:
    """Until all pods of a Deployment are ready, for five minutes at most; not at all where it is not there.

    Args:
        reader: of the cluster.
        clock: its own.
        ref: the Deployment.
        tell: is told what is waited for, and how many pods of how many are ready.
        hopeful: whether it can be expected to get ready. One that was there before and is not may never have been.

    Raises:
        HaltedError: it does not, though it can be expected to.
    """
    deadline = clock.monotonic() + _READY_WITHIN
    while (live := await get_if_there(reader, ref)) is not None:
        rollout = rollout_of(live)
        if rollout.whole:
            return
        tell(f"waiting for {ref}", rollout.ready, rollout.wanted)
        if clock.monotonic() > deadline:
            if not hopeful:
                return
            raise HaltedError(
                f"{rollout.ready} of {rollout.wanted} pods are ready after {_READY_WITHIN:.0f} s",
                on=str(ref),
                next_step=f"see `kubectl -n {ref.namespace} describe pods`; then restore again, which does the rest",
            )
        await clock.sleep(_POLL)
