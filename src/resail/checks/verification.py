"""Is the mesh as it should be? Facts in, findings out; a blocker means: no."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from resail.checks.differences import changed_fields
from resail.checks.expectations import restarted_by, unmet
from resail.checks.injection import in_mesh
from resail.checks.rollout import ROLLING_KINDS
from resail.checks.skew import skew_findings
from resail.models.finding import Finding, FindingObject
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import InstallerStep, Plan
from resail.models.snapshot import MeshSnapshot

__all__ = ["ManifestEvidence", "Probe", "ServiceEvidence", "VerificationEvidence", "verify_mesh"]


class ManifestEvidence(msgspec.Struct, frozen=True):
    """One object of a Helm release's manifest."""

    object: ObjectRef
    release: str
    live: Manifest | None
    """None: it is not there."""
    wanted: Manifest | None
    """What the API server would make of it if the manifest were applied now, by a dry run; None where not asked."""
    waits: str = ""
    """For what runs pods: why it is not ready."""


class ServiceEvidence(msgspec.Struct, frozen=True):
    """A Service and who answers for it."""

    service: str
    """``namespace/name``"""
    ready: int
    """Endpoints that take traffic."""
    workloads: tuple[ObjectRef, ...] = ()
    """Mesh workloads that its selector fits and that want pods."""


class Probe(msgspec.Struct, frozen=True):
    """A dry run that a webhook had to answer."""

    webhook: FindingObject
    what: str
    """``a pod in namespace shop``"""
    problem: str
    """Empty: it answered as it should."""
    refused: bool = False
    """We may not ask so, which tells nothing of the webhook."""


class VerificationEvidence(msgspec.Struct, frozen=True):
    """What the snapshot does not hold."""

    manifests: tuple[ManifestEvidence, ...]
    services: tuple[ServiceEvidence, ...]
    """Those that webhooks call or mesh workloads stand behind."""
    probes: tuple[Probe, ...]


def verify_mesh(
    snapshot: MeshSnapshot, evidence: VerificationEvidence, plan: Plan | None, hop: int | None = None
) -> tuple[Finding, ...]:
    """All findings, sorted.

    Args:
        snapshot: the mesh.
        evidence: gathered at the same time.
        plan: what the mesh should have come to; None: only what holds for every mesh is checked.
        hop: index of the hop that the plan has come to the end of; None: the last.
    """
    last = len(plan.hops) - 1 if plan and hop is None else hop or 0
    findings = [
        *_objects(evidence.manifests),
        *_workloads(snapshot, evidence, plan),
        *_services(evidence.services, plan),
        *_webhooks(snapshot, evidence),
        *_tags(snapshot),
        *skew_findings(snapshot),
        *(unmet(snapshot, plan, last) if plan else ()),
    ]
    return tuple(sorted(set(findings)))


def _objects(manifests: Iterable[ManifestEvidence]) -> Iterable[Finding]:
    for one in manifests:
        ref = one.object
        here = FindingObject(ref.kind, ref.namespace, ref.name)
        if one.live is None:
            yield Finding(
                id="object-missing",
                severity="blocker",
                message=f"{ref} of Helm release {one.release} is missing",
                objects=(here,),
                evidence="the API answers 404",
                fix=f"put it back with `helm upgrade`, or roll {one.release} back",
            )
            continue
        if one.waits:
            yield Finding(
                id="workload-not-ready",
                severity="blocker",
                message=f"{ref} is not ready: {one.waits}",
                objects=(msgspec.structs.replace(here, field="status"),),
                evidence=one.waits,
                fix=f"see `kubectl -n {ref.namespace} describe {ref.kind.lower()} {ref.name}`",
            )
        for field in _differences(one):
            yield Finding(
                id="object-differs",
                severity="blocker",
                message=f"{ref} differs from the manifest of Helm release {one.release} in {field}",
                objects=(msgspec.structs.replace(here, field=field),),
                evidence=f"{field} is not what the release says",
                fix="find out who changed it, then put it back or make it a value of the release",
            )


_UNCOMPARED = (
    "metadata.managedFields",
    "metadata.resourceVersion",
    "metadata.generation",
    "status",
    "metadata.creationTimestamp",
)
_NOT_HELMS = (".failurePolicy", ".caBundle")
"""istiod patches these into its webhooks."""


def _differences(one: ManifestEvidence) -> list[str]:
    if one.live is None or one.wanted is None:
        return []
    found = changed_fields(one.live, one.wanted)
    return [path for path in found if not path.startswith(_UNCOMPARED) and not path.endswith(_NOT_HELMS)]


def _workloads(snapshot: MeshSnapshot, evidence: VerificationEvidence, plan: Plan | None) -> Iterable[Finding]:
    """Those of the releases are looked at with their objects."""
    of_releases = {one.object for one in evidence.manifests}
    by_istioctl = {ObjectRef.of(manifest) for one in snapshot.istioctl_components for manifest in one.objects}
    for workload in snapshot.workloads:
        ref = workload.ref
        if ref.kind not in ROLLING_KINDS or ref in of_releases or workload.ready >= workload.replicas:
            continue
        if in_mesh(snapshot, workload) or ref in by_istioctl:
            counted = f"{workload.ready} of {workload.replicas} pods are ready"
            yield Finding(
                id="workload-not-ready",
                severity=_severity((ref,), plan),
                message=f"{ref} is not ready: {counted}",
                objects=(FindingObject(ref.kind, ref.namespace, ref.name, "status.readyReplicas"),),
                evidence=counted,
                fix=f"see `kubectl -n {ref.namespace} describe {ref.kind.lower()} {ref.name}`",
            )


def _services(services: Iterable[ServiceEvidence], plan: Plan | None) -> Iterable[Finding]:
    for one in services:
        if one.workloads and not one.ready:
            namespace, _, name = one.service.partition("/")
            yield Finding(
                id="service-without-endpoints",
                severity=_severity(one.workloads, plan),
                message=f"Service {one.service} has no ready endpoint",
                objects=(FindingObject("Service", namespace, name, "spec.selector"),),
                evidence=f"none of the pods of {', '.join(map(str, one.workloads))} takes its traffic",
                fix=f"see `kubectl -n {namespace} get pods,endpointslices`",
            )


def _severity(workloads: Iterable[ObjectRef], plan: Plan | None) -> Literal["blocker", "warning"]:
    """A run answers for what it restarted; what its users deploy meanwhile is theirs."""
    return "blocker" if plan is None or _touched(plan) & set(workloads) else "warning"


def _touched(plan: Plan) -> frozenset[ObjectRef]:
    replaced = {ref for step in plan.steps if isinstance(step, InstallerStep) for ref in step.change.replaced}
    return frozenset(restarted_by(plan, len(plan.hops) - 1)) | replaced


def _webhooks(snapshot: MeshSnapshot, evidence: VerificationEvidence) -> Iterable[Finding]:
    ready = {one.service: one.ready for one in evidence.services}
    for hook in snapshot.webhooks:
        here = FindingObject(hook.ref.kind, "", hook.ref.name, "webhooks")
        if ready.get(hook.service, 1) == 0:
            yield Finding(
                id="webhook-without-endpoints",
                severity="blocker",
                message=f"{hook.ref} calls Service {hook.service}, which has no ready endpoint",
                objects=(here,),
                evidence=f"no EndpointSlice of {hook.service} has a ready endpoint",
                fix="see that the istiod behind it runs, or point the webhook to a revision that does",
            )
        if not hook.has_ca_bundle:
            yield Finding(
                id="webhook-without-ca-bundle",
                severity="blocker",
                message=f"{hook.ref} has no CA bundle, so the API server cannot call it",
                objects=(here,),
                evidence="clientConfig.caBundle is empty",
                fix="see the log of the istiod of its revision",
            )
    for probe in evidence.probes:
        if probe.refused:
            yield Finding(
                id="webhook-not-asked",
                severity="warning",
                message=f"whether it answers is not known, as a dry run of {probe.what} is not allowed: {probe.problem}",
                objects=(probe.webhook,),
                evidence=probe.problem,
                fix="verify as someone who may create it",
            )
        elif probe.problem:
            yield Finding(
                id="webhook-does-not-answer",
                severity="blocker",
                message=f"a dry run of {probe.what} went wrong: {probe.problem}",
                objects=(probe.webhook,),
                evidence=probe.problem,
                fix="see the webhook's Service, its CA bundle and istiod's log",
            )


def _tags(snapshot: MeshSnapshot) -> Iterable[Finding]:
    revisions = {plane.revision for plane in snapshot.control_planes}
    for tag in snapshot.tags:
        if tag.revision not in revisions:
            yield Finding(
                id="tag-points-nowhere",
                severity="blocker",
                message=f"tag {tag.tag} points to revision {tag.revision}, which is not installed",
                objects=(FindingObject(tag.webhook.kind, "", tag.webhook.name, "metadata.labels"),),
                evidence=f"installed are {', '.join(sorted(revisions)) or 'none'}",
                fix=f"`istioctl tag set {tag.tag} --revision REVISION --overwrite`",
                source="https://istio.io/latest/docs/setup/upgrade/canary/#stable-revision-labels",
            )
