"""The mesh as a hop leaves it, foretold from what its steps write: the next hop is planned on it.

What the cluster itself will add is put in where the planner looks at it: istiod fills in its webhooks' CA bundles and turns their
validation to ``Fail`` once it answers (``pkg/webhooks/validation/controller`` of Istio), and rolls the gateways that it manages.
CRDs and custom resources stay as they were, since nothing is planned by them.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from resail.checks.injection import injecting_revision
from resail.checks.rollout import ROLLING_KINDS
from resail.installers.detect import Holdings
from resail.installers.helm_storage import as_helm_applies
from resail.models.identity import Manifest, ObjectRef
from resail.models.istioctl_marks import mark_of
from resail.models.plan import (
    HelmChange,
    Hop,
    IstioctlChange,
    LabelNamespace,
    MoveTag,
    RemoveRevision,
    RestartWave,
    RetargetTag,
    SailChange,
    Step,
    UpgradeGateway,
)
from resail.models.snapshot import (
    Component,
    ControlPlane,
    HelmRelease,
    MeshSnapshot,
    Namespace,
    Pod,
    RevisionTag,
    SailResource,
    Webhook,
    Workload,
)
from resail.plan.values import merged
from resail.snapshot.capture import components_of, control_plane_of, is_control_plane, webhook_of
from resail.snapshot.istioctl import components_by_mark
from resail.snapshot.shapes import Controller
from resail.snapshot.workloads import workloads_of

__all__ = ["aftermath"]

_VALIDATING = "ValidatingWebhookConfiguration"
_WEBHOOKS = ("MutatingWebhookConfiguration", _VALIDATING)


def aftermath(
    snapshot: MeshSnapshot, hop: Hop, steps: Sequence[Step], manifests: Mapping[str, tuple[Manifest, ...]]
) -> MeshSnapshot:
    """What ``capture`` would find once the hop is done.

    Args:
        snapshot: the mesh before it.
        hop: the hop.
        steps: its steps, in order.
        manifests: what their files hold.
    """
    future = _Future(snapshot, hop)
    for step in steps:
        match getattr(step, "change", None):
            case HelmChange() as change:
                future.write_release(change, manifests[change.manifests])
            case SailChange() as change:
                future.wish(change, manifests[change.manifests])
            case IstioctlChange() as change:
                future.install(manifests[change.manifests])
            case _:
                pass
        match step:
            case UpgradeGateway(workload=workload):
                future.restart(workload)
            case MoveTag(tag=tag, to_revision=revision):
                future.move_tag(tag, revision, *manifests[step.manifests])
            case RetargetTag(tag=tag, to_revision=revision):
                future.retarget_tag(tag, revision)
            case LabelNamespace(namespace=namespace, labels=labels):
                future.label(namespace, labels)
            case RestartWave(restarts=restarts):
                for restart in restarts:
                    future.restart(restart.workload)
            case RemoveRevision(release=release, objects=objects):
                future.remove(release, [each.object for each in objects])
            case _:
                pass
    future.roll_managed_gateways()
    return future.snapshot()


class _Future:
    """Parts by what names them, while the steps go over them."""

    def __init__(self, snapshot: MeshSnapshot, hop: Hop) -> None:
        self._before = snapshot
        self._hop = hop
        self._releases: dict[str, HelmRelease] = {one.key: one for one in snapshot.helm_releases}
        self._planes: dict[ObjectRef, ControlPlane] = {one.deployment: one for one in snapshot.control_planes}
        self._components: dict[ObjectRef, Component] = {one.workload: one for one in snapshot.components}
        self._webhooks: dict[ObjectRef, Webhook] = {one.ref: one for one in snapshot.webhooks}
        self._tags: dict[str, RevisionTag] = {one.tag: one for one in snapshot.tags}
        self._sail: dict[ObjectRef, SailResource] = {one.ref: one for one in snapshot.sail_resources}
        self._namespaces: dict[str, Namespace] = {one.name: one for one in snapshot.namespaces}
        self._workloads: dict[ObjectRef, Workload] = {one.ref: one for one in snapshot.workloads}
        self._by_istioctl: dict[ObjectRef, Manifest] = {
            ObjectRef.of(manifest): manifest for one in snapshot.istioctl_components for manifest in one.objects
        }

    def snapshot(self) -> MeshSnapshot:
        return msgspec.structs.replace(
            self._before,
            control_planes=tuple(self._planes[key] for key in sorted(self._planes)),
            tags=tuple(self._tags[key] for key in sorted(self._tags)),
            components=tuple(self._components[key] for key in sorted(self._components)),
            webhooks=tuple(self._webhooks[key] for key in sorted(self._webhooks)),
            helm_releases=tuple(sorted(self._releases.values(), key=lambda one: (one.namespace, one.name))),
            istioctl_components=components_by_mark(self._by_istioctl.values()),
            sail_resources=tuple(self._sail[key] for key in sorted(self._sail)),
            namespaces=tuple(self._namespaces[key] for key in sorted(self._namespaces)),
            workloads=tuple(self._workloads[key] for key in sorted(self._workloads)),
        )

    def write_release(self, change: HelmChange, objects: tuple[Manifest, ...]) -> None:
        key = f"{change.namespace}/{change.release}"
        before = self._releases.get(key)
        self._releases[key] = HelmRelease(
            name=change.release,
            namespace=change.namespace,
            chart=change.chart,
            chart_version=change.to_version,
            app_version=change.to_version,
            revision=before.revision + 1 if before else 1,
            status="deployed",
            values=change.values,
            objects=objects,
            apply_method=before.apply_method if before else "ssa",
        )
        kept = {ObjectRef.of(manifest) for manifest in objects}
        self._forget({ObjectRef.of(manifest) for manifest in (before.objects if before else ())} - kept)
        for manifest in objects:
            self._write(as_helm_applies(manifest, change.release, change.namespace), key)

    def wish(self, change: SailChange, objects: tuple[Manifest, ...]) -> None:
        """What the Sail Operator makes of another wish."""
        wished = self._sail[change.resource]
        active = change.revision or wished.active_revision
        spec = merged(wished.spec, change.patch["spec"])
        self._sail[change.resource] = msgspec.structs.replace(wished, spec=spec, active_revision=active)
        if not change.release:
            return
        namespace, _, name = change.release.partition("/")
        like = self._releases.get(change.release) or next(one for one in self._releases.values() if one.chart == change.chart)
        named = {"revision": change.revision} if change.release not in self._releases else {}
        version = change.to_version.removeprefix("v")
        self._releases[change.release] = msgspec.structs.replace(
            like,
            name=name,
            namespace=namespace,
            chart_version=version,
            app_version=version,
            revision=like.revision + 1 if not named else 1,
            values={**merged(like.values, change.patch["spec"].get("values") or {}), **named},
            objects=objects,
        )
        for manifest in objects:
            self._write(as_helm_applies(manifest, name, namespace), change.release)

    def retarget_tag(self, tag: str, revision: str) -> None:
        before = self._tags[tag]
        labels = {**before.manifest["metadata"]["labels"], "istio.io/rev": revision}
        metadata = {**before.manifest["metadata"], "labels": labels}
        self._tags[tag] = msgspec.structs.replace(before, revision=revision, manifest={**before.manifest, "metadata": metadata})
        self._webhooks[before.webhook] = msgspec.structs.replace(self._webhooks[before.webhook], revision=revision)

    def install(self, objects: tuple[Manifest, ...]) -> None:
        """By istioctl: what an older version had and this one has not stays where it is."""
        for manifest in objects:
            if mark_of(manifest):
                self._by_istioctl[ObjectRef.of(manifest)] = manifest
            self._write(manifest, "")
            for tag in self._tags.values():
                if tag.webhook == ObjectRef.of(manifest):
                    self._tags[tag.tag] = msgspec.structs.replace(tag, revision=_revision(manifest), manifest=manifest)
                elif tag.validator and ObjectRef.of(tag.validator) == ObjectRef.of(manifest):
                    self._tags[tag.tag] = msgspec.structs.replace(tag, validator=manifest)

    def _write(self, manifest: Manifest, release: str) -> None:
        ref, kind = ObjectRef.of(manifest), manifest["kind"]
        if kind in _WEBHOOKS:
            self._webhooks[ref] = _served(webhook_of(manifest, Holdings({release: frozenset({ref})})))
        if kind not in ROLLING_KINDS:
            return
        self._write_workload(ref, manifest)
        if is_control_plane(manifest):
            plane = control_plane_of(manifest)
            before = self._planes.get(ref)
            replicas = before.replicas if before else plane.replicas
            self._planes[ref] = msgspec.structs.replace(plane, replicas=replicas, ready=replicas)
        deployments, daemons = ([manifest], []) if kind == "Deployment" else ([], [manifest])
        for part in components_of(deployments, daemons if kind == "DaemonSet" else []):
            self._components[ref] = part

    def _write_workload(self, ref: ObjectRef, manifest: Manifest) -> None:
        (written,) = workloads_of({ref.kind_ref: [msgspec.convert(manifest, Controller)]}, {})
        before = self._workloads.get(ref)
        if before is None:
            self._workloads[ref] = msgspec.structs.replace(written, ready=written.replicas)
        else:
            shown = {"labels": written.labels, "inject_annotations": written.inject_annotations}
            self._workloads[ref] = msgspec.structs.replace(before, **shown)

    def move_tag(self, tag: str, revision: str, webhook: Manifest, validator: Manifest | None = None) -> None:
        before = self._tags[tag]
        self._tags[tag] = msgspec.structs.replace(before, revision=revision, manifest=webhook, validator=validator)
        for moved in filter(None, (webhook, validator)):
            hook = _served(webhook_of(moved, Holdings({})))
            self._webhooks[hook.ref] = msgspec.structs.replace(hook, owner=before.owner)

    def label(self, namespace: str, labels: Mapping[str, str | None]) -> None:
        before = self._namespaces[namespace]
        after = {**before.labels, **labels}
        self._namespaces[namespace] = Namespace(namespace, {key: value for key, value in sorted(after.items()) if value})

    def restart(self, workload: ObjectRef) -> None:
        """All its pods get the sidecar of the hop's revision."""
        before = self._workloads.get(workload)
        if before is not None:
            pods = tuple(self._injected(pod) for pod in before.pods)
            self._workloads[workload] = msgspec.structs.replace(before, pods=pods)

    def remove(self, release: str, objects: Iterable[ObjectRef]) -> None:
        self._releases[release] = msgspec.structs.replace(self._releases[release], status="uninstalled")
        self._forget(objects)

    def _forget(self, objects: Iterable[ObjectRef]) -> None:
        for removed in objects:
            for parts in (self._planes, self._components, self._webhooks, self._workloads):
                parts.pop(removed, None)

    def roll_managed_gateways(self) -> None:
        now = self.snapshot()
        for part in now.components:
            workload = self._workloads.get(part.workload)
            if not part.managed_by_istiod or workload is None:
                continue
            wants = {**workload.labels, **workload.inject_annotations}
            revisions = {pod.revision for pod in workload.pods}
            if self._hop.to_revision in (injecting_revision(now, part.workload.namespace, wants), *revisions):
                self.restart(part.workload)
                version = str(self._hop.to_version)
                image = _retagged(part.image, part.version, version)
                self._components[part.workload] = msgspec.structs.replace(part, version=version, image=image)

    def _injected(self, pod: Pod) -> Pod:
        version = str(self._hop.to_version)
        image = _retagged(pod.proxy_image, pod.proxy_version, version)
        return msgspec.structs.replace(pod, proxy_version=version, proxy_image=image, revision=self._hop.to_revision)


def _revision(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"]["istio.io/rev"])


def _served(hook: Webhook) -> Webhook:
    """As istiod makes it, once it answers."""
    policies = tuple("Fail" for _ in hook.failure_policies) if hook.ref.kind == _VALIDATING else hook.failure_policies
    return msgspec.structs.replace(hook, failure_policies=policies, has_ca_bundle=True)


def _retagged(image: str, before: str, after: str) -> str:
    """The image with another version in its tag, of whatever variant."""
    return image.replace(f":{before}", f":{after}") if before else image
