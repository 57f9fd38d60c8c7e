"""Is a workload rolled out? The rules of ``kubectl rollout status``."""

from typing import Any

import msgspec

from resail.engine.context import Context, StepFailedError
from resail.errors import NotFoundError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.snapshot import Pod
from resail.snapshot.shapes import PodShape
from resail.snapshot.workloads import pod_facts

__all__ = ["Rollout", "pods_of", "rollout_of", "wait_for_objects", "wait_until_rolled_out"]

_POLL = 0.5  # seconds
_POD = KindRef("v1", "Pod")
_ROLLING = ("Deployment", "StatefulSet", "DaemonSet")


class Rollout(msgspec.Struct, frozen=True):
    """How far a rollout has come."""

    complete: bool
    failed: str
    """Why it will not go on; empty while it may."""
    ready: int
    wanted: int

    @property
    def whole(self) -> bool:
        """All pods are ready, old ones or new."""
        return self.ready >= self.wanted


def rollout_of(manifest: Manifest) -> Rollout:
    """Of a Deployment, StatefulSet or DaemonSet."""
    status: dict[str, Any] = manifest.get("status") or {}
    spec: dict[str, Any] = manifest["spec"]
    observed = status.get("observedGeneration", 0) >= manifest["metadata"].get("generation", 0)
    if manifest["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, ready = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
        return Rollout(observed and updated >= wanted and ready >= wanted, "", ready, wanted)
    wanted = spec.get("replicas", 1)
    updated, ready = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if manifest["kind"] == "StatefulSet":
        on_delete = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
        same = on_delete or updated >= wanted or status.get("currentRevision") == status.get("updateRevision")
        return Rollout(observed and same and ready >= wanted, "", ready, wanted)
    stuck = [
        condition.get("message", "its progress deadline has passed")
        for condition in status.get("conditions") or ()
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded" and observed
    ]
    complete = observed and updated >= wanted and ready >= wanted and status.get("replicas", 0) <= updated
    return Rollout(complete, stuck[0] if stuck else "", ready, wanted)


async def wait_until_rolled_out(context: Context, step: str, workload: ObjectRef, timeout: float) -> Manifest:
    """Wait for a rollout to complete.

    Raises:
        StepFailedError: it did not within ``timeout`` seconds, or its progress deadline has passed.
    """
    deadline = context.clock.monotonic() + timeout
    told = (-1, -1)
    while True:
        manifest = await context.reader.get(workload)
        rollout = rollout_of(manifest)
        if rollout.complete:
            return manifest
        if (rollout.ready, rollout.wanted) != told:
            told = (rollout.ready, rollout.wanted)
            context.tell(step, f"{workload}: {rollout.ready} of {rollout.wanted} ready", *told)
        if rollout.failed or context.clock.monotonic() > deadline:
            raise StepFailedError(
                rollout.failed or f"not rolled out within {timeout:.0f} s: {rollout.ready} of {rollout.wanted} pods are ready",
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
        if manifest["kind"] in _ROLLING:
            await wait_until_rolled_out(context, step, ObjectRef.of(manifest), timeout)


async def pods_of(context: Context, workload: Manifest) -> list[Pod]:
    """The pods of a workload that are neither ended nor ending."""
    labels: dict[str, str] = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    try:
        found = await context.reader.list_shapes(_POD, PodShape, namespace=workload["metadata"]["namespace"], labels=selector)
    except NotFoundError:
        return []
    return [
        pod_facts(pod)
        for pod in found
        if pod.metadata.deletion_timestamp is None and pod.status.phase not in ("Succeeded", "Failed")
    ]
