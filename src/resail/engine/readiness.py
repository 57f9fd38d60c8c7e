"""Wait until workloads are rolled out."""

import msgspec

from resail.checks.rollout import ROLLING_KINDS, rollout_of
from resail.engine.context import Context, StepFailedError
from resail.errors import NotFoundError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.selector import Selector
from resail.models.snapshot import Pod
from resail.snapshot.shapes import PodShape
from resail.snapshot.workloads import pod_facts

__all__ = ["pods_of", "wait_for_objects", "wait_until_rolled_out"]

_POLL = 0.5  # seconds
_GRACE = 3.0  # seconds for which a rollout must call itself stuck: one whose template went back still does for a moment
_POD = KindRef("v1", "Pod")


async def wait_until_rolled_out(context: Context, step: str, workload: ObjectRef, timeout: float) -> Manifest:
    """Wait for a rollout to complete.

    Raises:
        StepFailedError: it did not within ``timeout`` seconds, or its progress deadline has passed.
    """
    deadline = context.clock.monotonic() + timeout
    told = (-1, -1)
    stuck_since: float | None = None
    while True:
        manifest = await context.reader.get(workload)
        rollout = rollout_of(manifest)
        if rollout.complete:
            return manifest
        counted = f"{rollout.updated} of {rollout.wanted} pods are new, {rollout.ready} ready"
        if (rollout.updated, rollout.ready) != told:
            told = (rollout.updated, rollout.ready)
            context.tell(step, f"{workload}: {counted}", min(told), rollout.wanted)
        now = context.clock.monotonic()
        if not rollout.failed:
            stuck_since = None
        elif stuck_since is None:
            stuck_since = now
        if now > deadline or (stuck_since is not None and now - stuck_since >= _GRACE):
            raise StepFailedError(
                rollout.failed or f"not rolled out within {timeout:.0f} s: {counted}",
                on=str(workload),
                next_step=f"see `kubectl -n {workload.namespace} describe pods`; then `resail resume`, or `resail rollback`",
            )
        await context.clock.sleep(_POLL)


async def wait_for_objects(context: Context, step: str, objects: tuple[Manifest, ...], timeout: float) -> None:
    """Wait for all that runs pods among the rendered objects.

    Raises:
        StepFailedError: one of them does not get ready.
    """
    for manifest in objects:
        if manifest["kind"] in ROLLING_KINDS:
            await wait_until_rolled_out(context, step, ObjectRef.of(manifest), timeout)


async def pods_of(context: Context, workload: Manifest) -> list[Pod]:
    """The pods of a workload that are neither ended nor ending."""
    ref = ObjectRef.of(workload)
    selector = msgspec.convert(workload["spec"]["selector"], Selector)
    try:
        found = await context.reader.list_shapes(_POD, PodShape, namespace=ref.namespace, labels=str(selector))
    except NotFoundError:
        return []
    return [
        pod_facts(pod)
        for pod in found
        if pod.metadata.deletion_timestamp is None
        and pod.status.phase not in ("Succeeded", "Failed")
        # Labels may select pods of others too.
        and pod.metadata.owner is not None
        and pod.metadata.owner.works_for(ref.kind, ref.name)
    ]
