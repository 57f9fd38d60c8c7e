"""What a real API server says to custom resources under new definitions; nothing but the definitions is stored."""

import asyncio
import contextlib
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from resail.checks.hazards.case import Refusal
from resail.cluster import Cluster
from resail.errors import ApiConflictError, ApiInvalidError, ResailError
from resail.kube import connect
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.testbed.bed import Bed

__all__ = ["refused_by_server"]

_AT_ONCE = 16
_PATIENCE = 30.0  # seconds for definitions to be served
_POLL = 0.1
_INVALID = re.compile(r'is invalid: \[?([^\s:\[\]"]+(?:\[\d+\][^\s:\[\]"]*)*): (.*)', re.DOTALL)
_APPROVED = {"api-approved.kubernetes.io": "unapproved, for a trial"}


async def refused_by_server(
    folder: Path, installed: Sequence[Manifest], target: Sequence[Manifest], objects: Sequence[Manifest]
) -> tuple[Refusal, ...]:
    """What an API server refuses under the target's definitions, and does not under the installed ones.

    Args:
        folder: an empty one, for its files.
        installed: CustomResourceDefinitions.
        target: those that take their places.
        objects: custom resources without what an API server fills in.

    Raises:
        ResailError: the API server does not come up, or does not take the definitions.
    """
    bed = await asyncio.to_thread(Bed.start, folder / "bed", lambda _: None, (), controllers=False)
    try:
        async with connect(bed.kubeconfig) as cluster:
            for namespace in sorted({one["metadata"].get("namespace", "") for one in objects} - {""}):
                with contextlib.suppress(ApiConflictError):
                    await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            await _define(cluster, target)
            refused = await _refused(cluster, objects)
            if not refused or not installed:
                return tuple(refused.values())
            await _define(cluster, installed)
            again = [one for one in objects if ObjectRef.of(one) in refused]
            before = await _refused(cluster, again)
            return tuple(refusal for ref, refusal in refused.items() if ref not in before)
    finally:
        await asyncio.to_thread(bed.stop)


async def _define(cluster: Cluster, definitions: Iterable[Manifest]) -> None:
    wanted: set[KindRef] = set()
    for one in definitions:
        spec = one["spec"]
        metadata = {"name": one["metadata"]["name"], "annotations": _APPROVED}
        await cluster.apply(
            {"apiVersion": one["apiVersion"], "kind": one["kind"], "metadata": metadata, "spec": spec}, force=True
        )
        wanted |= {
            KindRef(f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            for version in spec["versions"]
            if version["served"]
        }
    deadline = time.monotonic() + _PATIENCE
    while not wanted <= {one.kind for one in await cluster.resource_kinds()}:
        if time.monotonic() > deadline:
            raise ResailError("the API server does not serve the CRDs that it was given", on="the control plane for a trial")
        await asyncio.sleep(_POLL)


async def _refused(cluster: Cluster, objects: Iterable[Manifest]) -> dict[ObjectRef, Refusal]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def tried(one: Manifest) -> Refusal | None:
        async with turn:
            try:
                await cluster.create(one, dry_run=True)
            except ApiInvalidError as error:
                return _refusal(ObjectRef.of(one), error.what)
        return None

    found = await asyncio.gather(*map(tried, objects))
    return {refusal.ref: refusal for refusal in found if refusal is not None}


def _refusal(ref: ObjectRef, message: str) -> Refusal:
    matched = _INVALID.search(message)
    return Refusal(ref, matched[1], matched[2]) if matched else Refusal(ref, "", message)
