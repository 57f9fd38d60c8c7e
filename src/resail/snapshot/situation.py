"""Cluster → ``Situation``: the mesh, and what its pods, Events and runs say."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from resail.checks.diagnosis.situation import Situation
from resail.cluster import ClusterReader
from resail.errors import ClusterApiError, NotFoundError
from resail.models.field_path import first
from resail.models.identity import IstioVersion, KindRef, Manifest, ObjectRef
from resail.models.mesh_objects import MeshObjects, group_kind
from resail.models.precheck import NotEvaluated
from resail.models.release_facts import ReleaseFacts
from resail.models.snapshot import MeshSnapshot, Pod, Workload
from resail.models.trust import TrustBundle
from resail.releases.catalogue import load_catalogue
from resail.releases.facts import load_facts
from resail.snapshot.certificates import certificates_in_base64
from resail.snapshot.log_tails import read_logs
from resail.snapshot.mesh_objects import capture_all_by, listing_of
from resail.snapshot.runs_seen import copied_runs
from resail.snapshot.stored_charts import values_read
from resail.snapshot.trust import CA_BUNDLE

__all__ = ["gather_situation"]

_AT_ONCE = 8
_SHOWN = 3
"""Pods that are not ready which are read of one workload."""
_MOST_PODS = 200
_MOST_EVENTS = 500
_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


async def gather_situation(
    reader: ClusterReader, istio_namespace: str, now: datetime, progress: Callable[[str], None]
) -> Situation:
    """Read all that the rules look at; nothing is written.

    Args:
        reader: the cluster.
        istio_namespace: of the control plane.
        now: by the cluster's clock.
        progress: what is waited for.

    Raises:
        ClusterUnreachableError, ForbiddenError: the API does not answer, or does not let us read what a snapshot is made of.
    """
    progress("reading the mesh")
    listing = listing_of(reader)
    snapshot, objects = await capture_all_by(listing, istio_namespace)
    unread = [NotEvaluated(kind, reason) for kind, reason in sorted(objects.unread.items())]
    progress("reading pods that are not ready, Events and logs")
    (pods, lost), (events, silent) = await asyncio.gather(_pods(reader, snapshot), _events(listing))
    logs = await read_logs(reader, pods)
    read_values = await values_read(reader, snapshot.helm_releases)
    runs, unreadable = await copied_runs(reader, istio_namespace, progress)
    return Situation(
        now=now,
        snapshot=snapshot,
        objects=objects,
        pods=tuple(pods),
        events=tuple(events),
        logs=logs,
        bundles=(*_ca_bundles(snapshot, objects), *_roots(snapshot)),
        runs=runs,
        facts=_facts(snapshot),
        read_values=read_values,
        unread=tuple(sorted({*unread, *lost, *silent, *unreadable})),
    )


async def _pods(reader: ClusterReader, snapshot: MeshSnapshot) -> tuple[list[Manifest], list[NotEvaluated]]:
    """All of istiod, which may have been killed and be ready again; of the rest of the mesh those that are not ready."""
    planes = {plane.deployment for plane in snapshot.control_planes}
    wanted = [
        ObjectRef("v1", "Pod", workload.ref.namespace, pod.name)
        for workload in snapshot.workloads
        for pod in (workload.pods if workload.ref in planes else _ill(workload, whole=workload.ref in snapshot.parts))
    ]
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(ref: ObjectRef) -> Manifest | NotEvaluated | None:
        async with turn:
            try:
                return await reader.get(ref)
            except NotFoundError:
                return None
            except ClusterApiError as error:
                return NotEvaluated("Pod", error.what)

    found = await asyncio.gather(*map(one, wanted[:_MOST_PODS]))
    more = len(wanted) - _MOST_PODS
    lost = [one for one in found if isinstance(one, NotEvaluated)]
    if more > 0:
        lost.append(NotEvaluated("Pod", f"{more} more pods that are not ready were not looked at"))
    return [one for one in found if isinstance(one, dict)], lost


def _ill(workload: Workload, *, whole: bool) -> Sequence[Pod]:
    """Those that have not ended, are not ready, and are of the mesh."""
    ill = [pod for pod in workload.pods if not pod.ready and pod.phase not in ("Succeeded", "Failed")]
    return [pod for pod in ill if whole or pod.proxy_image][:_SHOWN]


async def _events(reader: ClusterReader) -> tuple[list[Manifest], list[NotEvaluated]]:
    try:
        found = await reader.list_objects(KindRef("v1", "Event"), fields="type=Warning")
    except NotFoundError:
        return [], []
    except ClusterApiError as error:
        return [], [NotEvaluated("Event", error.what)]
    return sorted(found, key=_when)[-_MOST_EVENTS:], []


def _when(event: Manifest) -> str:
    paths = ("lastTimestamp", "eventTime", "firstTimestamp", "metadata.creationTimestamp")
    return next((str(value) for path in paths if (value := first(event, path))), "")


def _ca_bundles(snapshot: MeshSnapshot, objects: MeshObjects) -> Iterable[TrustBundle]:
    """One for each webhook configuration of Istio and caBundle in it, also those in which no certificate can be read."""
    revisions = {hook.ref: hook.revision for hook in snapshot.webhooks}
    for kind in _WEBHOOKS:
        for manifest in objects.by_kind.get(group_kind("admissionregistration.k8s.io/v1", kind), ()):
            ref = ObjectRef.of(manifest)
            if ref in revisions:
                found = [entry["clientConfig"].get("caBundle") for entry in manifest.get("webhooks") or ()]
                for bundle in sorted({one for one in found if one}):
                    yield TrustBundle(CA_BUNDLE, (ref,), certificates_in_base64(bundle), revisions[ref])


def _roots(snapshot: MeshSnapshot) -> Iterable[TrustBundle]:
    return (one for one in snapshot.trust if one.field != CA_BUNDLE)


def _facts(snapshot: MeshSnapshot) -> tuple[ReleaseFacts, ...]:
    """Of all lines up to the newest that runs."""
    images = [*(plane.version for plane in snapshot.control_planes), *(one.app_version for one in snapshot.helm_releases)]
    running = [version for text in images if (version := IstioVersion.parse_if(text)) is not None]
    if not running:
        return ()
    newest = max(running)
    lines = sorted((_number(line.line), line.line) for line in load_catalogue())
    older = [load_facts(line) for number, line in lines if number < (newest.major, newest.minor)]
    return tuple(facts for facts in (*older, load_facts(newest)) if facts is not None)


def _number(line: str) -> tuple[int, ...]:
    return tuple(map(int, line.split(".")))
