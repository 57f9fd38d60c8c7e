"""What ``verify`` needs beside a snapshot: the objects of the releases, endpoints, and dry runs that webhooks must answer."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from resail.checks.injection import DEFAULT, in_mesh, pointer_of, revision_behind
from resail.checks.rollout import ROLLING_KINDS, rollout_of
from resail.checks.verification import ManifestEvidence, Probe, ServiceEvidence, VerificationEvidence
from resail.cluster import ClusterReader, ClusterWriter
from resail.errors import ApiInvalidError, ClusterApiError, ForbiddenError, NotFoundError
from resail.installers.helm_storage import as_helm_applies
from resail.models.finding import FindingObject
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.snapshot import MeshSnapshot, Namespace
from resail.snapshot.shapes import EndpointSliceShape, PodShape, ServiceShape

__all__ = ["gather_evidence"]

_AT_ONCE = 8
_HELM = "helm"
_SERVICE = KindRef("v1", "Service")
_SLICE = KindRef("discovery.k8s.io/v1", "EndpointSlice")
_ONLY_PRESENT = ("CustomResourceDefinition", "Secret")
"""CRDs stay at the newest version that was installed; a Secret's values are not kept by us."""


async def gather_evidence(reader: ClusterReader, writer: ClusterWriter, snapshot: MeshSnapshot) -> VerificationEvidence:
    """Look, and ask the API server by dry runs; nothing is written.

    Raises:
        ClusterUnreachableError: the API does not answer.
    """
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(ref: ObjectRef, release: str, manifest: Manifest) -> ManifestEvidence:
        async with turn:
            return await _manifest(reader, writer, ref, release, manifest)

    manifests = await asyncio.gather(
        *(
            one(
                ObjectRef.of(manifest),
                release.key,
                as_helm_applies(_without_replicas(manifest, snapshot), release.name, release.namespace),
            )
            for release in snapshot.helm_releases
            if release.installed
            for manifest in release.objects
        )
    )
    services = await _services(reader, snapshot)
    probes = [*await _injection_probes(writer, snapshot), *await _validation_probes(writer, snapshot)]
    return VerificationEvidence(tuple(manifests), services, tuple(probes))


async def _manifest(
    reader: ClusterReader, writer: ClusterWriter, ref: ObjectRef, release: str, manifest: Manifest
) -> ManifestEvidence:
    try:
        live = await reader.get(ref)
    except NotFoundError:
        return ManifestEvidence(ref, release, None, None)
    wanted = None
    if ref.kind not in _ONLY_PRESENT:
        try:
            # Forced, since the question is what differs and not who owns it.
            wanted = await writer.apply(manifest, manager=_HELM, force=True, dry_run=True)
        except (ForbiddenError, ApiInvalidError):
            wanted = None
    return ManifestEvidence(ref, release, live, wanted, _waits(live))


def _without_replicas(manifest: Manifest, snapshot: MeshSnapshot) -> Manifest:
    """Where an autoscaler decides on the replicas, the manifest does not."""
    ref = ObjectRef.of(manifest)
    scaled = any(
        (one.target.kind, one.ref.namespace, one.target.name) == (ref.kind, ref.namespace, ref.name)
        for one in snapshot.autoscalers
    )
    if not scaled or "replicas" not in manifest.get("spec", {}):
        return manifest
    return {**manifest, "spec": {key: value for key, value in manifest["spec"].items() if key != "replicas"}}


def _waits(live: Manifest) -> str:
    if live["kind"] not in ROLLING_KINDS:
        return ""
    rollout = rollout_of(live)
    if rollout.complete:
        return ""
    counted = f"{rollout.ready} of {rollout.wanted} pods are ready"
    return rollout.failed or (f"its rollout is not complete, {counted}" if rollout.whole else counted)


async def _services(reader: ClusterReader, snapshot: MeshSnapshot) -> tuple[ServiceEvidence, ...]:
    """The Services that mesh workloads stand behind, or that webhooks call."""
    slices, services = await asyncio.gather(
        reader.list_shapes(_SLICE, EndpointSliceShape), reader.list_shapes(_SERVICE, ServiceShape)
    )
    ready: Counter[str] = Counter()
    for one in slices:
        ready[f"{one.metadata.namespace}/{one.service}"] += one.ready
    called = {hook.service for hook in snapshot.webhooks if "/" in hook.service and "://" not in hook.service}
    behind = {f"{service.metadata.namespace}/{service.metadata.name}": _behind(service, snapshot) for service in services}
    wanted = called | {service for service, workloads in behind.items() if workloads}
    return tuple(ServiceEvidence(service, ready[service], behind.get(service, ())) for service in sorted(wanted))


def _behind(service: ServiceShape, snapshot: MeshSnapshot) -> tuple[ObjectRef, ...]:
    return tuple(
        workload.ref
        for workload in snapshot.workloads
        if workload.ref.namespace == service.metadata.namespace
        and service.spec.selector
        and service.spec.selector.items() <= workload.labels.items()
        and in_mesh(snapshot, workload)
        and workload.replicas
    )


async def _injection_probes(writer: ClusterWriter, snapshot: MeshSnapshot) -> list[Probe]:
    """For each tag or revision that a namespace asks for, a pod in the first such namespace where we may create one."""
    asked: dict[str, list[Namespace]] = {}
    for namespace in snapshot.namespaces:
        pointer, _ = pointer_of(namespace, {})
        if pointer:
            asked.setdefault(pointer, []).append(namespace)
    return [await _first_allowed(writer, snapshot, pointer, namespaces) for pointer, namespaces in sorted(asked.items())]


async def _first_allowed(writer: ClusterWriter, snapshot: MeshSnapshot, pointer: str, namespaces: Sequence[Namespace]) -> Probe:
    for namespace in namespaces:
        probe = await _injection_probe(writer, snapshot, pointer, namespace.name)
        if not probe.refused:
            break
    return probe


async def _injection_probe(writer: ClusterWriter, snapshot: MeshSnapshot, pointer: str, namespace: str) -> Probe:
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "resail-probe", "namespace": namespace},
        "spec": {"containers": [{"name": "probe", "image": "resail-probe"}]},
    }

    async def ask() -> str:
        shape = msgspec.convert(await writer.create(pod, dry_run=True), PodShape)
        expected = revision_behind(snapshot, pointer)
        return "" if shape.proxy else f"no sidecar was injected, though {pointer} leads to {expected or 'no revision'}"

    hook = _hook_of(snapshot, pointer)
    return await _probe(hook, f"a pod in namespace {namespace}", ask)


async def _validation_probes(writer: ClusterWriter, snapshot: MeshSnapshot) -> list[Probe]:
    served = {crd.name for crd in snapshot.crds}
    validators = [hook for hook in snapshot.webhooks if hook.ref.kind == "ValidatingWebhookConfiguration"]
    if not validators or "destinationrules.networking.istio.io" not in served:
        return []
    rule: Manifest = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "resail-probe", "namespace": snapshot.istio_namespace},
        "spec": {"host": "resail-probe"},
    }

    async def ask() -> str:
        await writer.create(rule, dry_run=True)
        return ""

    hook = FindingObject("ValidatingWebhookConfiguration", "", validators[-1].ref.name, "webhooks")
    return [await _probe(hook, "an Istio object", ask)]


async def _probe(hook: FindingObject, what: str, ask: Callable[[], Awaitable[str]]) -> Probe:
    try:
        return Probe(hook, what, await ask())
    except ForbiddenError as error:
        return Probe(hook, what, error.what, refused=True)
    except ClusterApiError as error:
        return Probe(hook, what, error.what)


def _hook_of(snapshot: MeshSnapshot, pointer: str) -> FindingObject:
    hooks = [hook for hook in snapshot.webhooks if hook.ref.kind == "MutatingWebhookConfiguration"]
    found = [hook for hook in hooks if pointer in (hook.tag, hook.revision if not hook.tag else "")]
    name = found[0].ref.name if found else ("istio-sidecar-injector" if pointer == DEFAULT else pointer)
    return FindingObject("MutatingWebhookConfiguration", "", name, "webhooks")
