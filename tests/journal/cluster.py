"""A twin as the cluster that leases and copies are in, in simulated time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from resail.cluster import FIELD_MANAGER
from resail.errors import ClusterUnreachableError
from resail.models.identity import Manifest, ObjectRef
from resail.tenure.tenure import Tenure
from resail.twin.cluster import TwinCluster, open_twin
from resail.twin.loop import run

__all__ = ["NAMESPACE", "Faltering", "a_cluster", "a_tenure", "simulated"]

T = TypeVar("T")

NAMESPACE = "istio-system"


def simulated(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run it to its end, in no time."""
    return run(work())


@asynccontextmanager
async def a_cluster() -> AsyncIterator[TwinCluster]:
    """One with the namespace of a control plane."""
    async with open_twin() as twin:
        await twin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        yield twin


def a_tenure() -> Tenure:
    """By the clock of the loop."""
    return Tenure(asyncio.get_running_loop().time)


class Faltering:
    """A cluster whose writes go as ``plan`` says, one letter each: ``.`` well; ``n`` never arrives; ``l`` takes effect, and the
    answer is lost; ``x`` as ``n``, and so does all that follows: it is cut off. What is beyond the plan goes well."""

    def __init__(self, twin: TwinCluster, plan: str) -> None:
        self._twin = twin
        self._plan = iter(plan)
        self._cut_off = False
        self.writes = 0
        """That were tried."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._twin, name)

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        return await self._write(lambda: self._twin.create(manifest))

    async def patch(self, ref: ObjectRef, patch: Manifest, *, dry_run: bool = False) -> Manifest:
        return await self._write(lambda: self._twin.patch(ref, patch))

    async def apply(
        self, manifest: Manifest, *, manager: str = FIELD_MANAGER, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        return await self._write(lambda: self._twin.apply(manifest, manager=manager, force=force))

    async def delete(self, ref: ObjectRef, *, dry_run: bool = False) -> None:
        await self._write(lambda: self._twin.delete(ref))

    async def _write(self, act: Callable[[], Awaitable[T]]) -> T:
        self.writes += 1
        fate = "x" if self._cut_off else next(self._plan, ".")
        self._cut_off = fate == "x"
        if fate in "nx":
            raise ClusterUnreachableError("it never arrived")
        done = await act()
        if fate == "l":
            raise ClusterUnreachableError("the answer was lost")
        return done
