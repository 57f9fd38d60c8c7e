"""What the Sail Operator's controllers do, as far as an upgrade sees it. It stands in for the operator, and is not it.

From ``controllers/`` and ``pkg/`` of https://github.com/istio-ecosystem/sail-operator: an Istio keeps an active IstioRevision (of
its own name, or by version), whose chart is a Helm release applied on the client; a revision that is not active goes once nothing
has asked for it for the grace period; a tag is a webhook of the revision that it refers to. Not stood in for: profiles, image
digests, validation of dependencies, remote control planes.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from resail.cluster import Clock, Cluster
from resail.errors import NotFoundError, ResailError
from resail.installers.helm_records import encode_release
from resail.installers.helm_storage import StoredRelease, as_helm_applies, decode_release
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.snapshot.sail import SAIL_GROUP

__all__ = ["Render", "SailOperator"]

Render = Callable[[str, str, str, str, dict[str, Any]], Awaitable[Sequence[Manifest]]]
"""Chart, version, release, namespace and values → its objects."""

WriteStatus = Callable[[ObjectRef, dict[str, Any]], Awaitable[None]]

_API = f"{SAIL_GROUP}/v1"
_MANAGER = "sail-operator"
_GRACE = 30  # seconds, of an inactive revision
_POLL = 0.5  # seconds
_CRD = "CustomResourceDefinition"


class SailOperator:
    """Looks at its resources again and again."""

    def __init__(self, cluster: Cluster, clock: Clock, render: Render, write_status: WriteStatus) -> None:
        self._cluster = cluster
        self._clock = clock
        self._render = render
        self._write_status = write_status
        self._unused_since: dict[str, float] = {}

    async def run(self) -> None:
        """Until it is cancelled. What fails once is tried again."""
        while True:
            with contextlib.suppress(ResailError):
                await self.reconcile()
            await self._clock.sleep(_POLL)

    async def reconcile(self) -> None:
        """Bring the cluster one step nearer to what is wished."""
        for istio in await self._resources("Istio"):
            await self._attempt(istio, self._istio)
        for revision in await self._resources("IstioRevision"):
            await self._attempt(revision, self._revision)
        for tag in await self._resources("IstioRevisionTag"):
            await self._attempt(tag, self._tag)
        for cni in await self._resources("IstioCNI"):
            await self._attempt(cni, self._cni)
        for ztunnel in await self._resources("ZTunnel"):
            await self._attempt(ztunnel, self._ztunnel)

    # --- one resource ---

    async def _istio(self, istio: Manifest) -> dict[str, Any]:
        spec, active = istio["spec"], _active_name(istio)
        named = {} if active == "default" else {"revision": active}
        values = {**(spec.get("values") or {}), **named}
        wished = {"type": "Local", "version": spec["version"], "namespace": spec["namespace"], "values": values}
        await self._cluster.apply(
            {
                "apiVersion": _API,
                "kind": "IstioRevision",
                "metadata": {"name": active, "ownerReferences": [_owner(istio)]},
                "spec": wished,
            },
            manager=_MANAGER,
            force=True,
        )
        owned = [one for one in await self._resources("IstioRevision") if _is_owned(one, istio)]
        await self._prune(istio, [one for one in owned if one["metadata"]["name"] != active])
        (revision,) = [one for one in owned if one["metadata"]["name"] == active]
        seen = (revision.get("status") or {}).get("observedGeneration", 0) == revision["metadata"]["generation"]
        return {
            "activeRevisionName": active,
            "revisions": {"total": len(owned)},
            "conditions": (revision["status"]["conditions"] if seen else [_condition("Reconciled", False, "Waiting")]),
        }

    async def _prune(self, istio: Manifest, inactive: Sequence[Manifest]) -> None:
        grace = (istio["spec"].get("updateStrategy") or {}).get("inactiveRevisionDeletionGracePeriodSeconds", _GRACE)
        for revision in inactive:
            name = revision["metadata"]["name"]
            if await self._is_in_use(name):
                self._unused_since.pop(name, None)
                continue
            if self._clock.monotonic() - self._unused_since.setdefault(name, self._clock.monotonic()) >= grace:
                await self._uninstall(f"{name}-istiod", revision["spec"]["namespace"])
                await self._cluster.delete(ObjectRef.of(revision))

    async def _revision(self, revision: Manifest) -> dict[str, Any]:
        name, spec = revision["metadata"]["name"], revision["spec"]
        await self._install(revision, f"{name}-istiod", "istiod", spec)
        if name == "default":
            await self._install(revision, "default-base", "base", spec)
        istiod = "istiod" if name == "default" else f"istiod-{name}"
        in_use = _condition("InUse", await self._is_in_use(name), "ReferencedByWorkloads")
        return {"conditions": [*await self._ready("Deployment", spec["namespace"], istiod), in_use]}

    async def _tag(self, tag: Manifest) -> dict[str, Any]:
        target, name = tag["spec"]["targetRef"], tag["metadata"]["name"]
        referred = await self._cluster.get(ObjectRef(_API, target["kind"], "", target["name"]))
        revision = referred
        if target["kind"] == "Istio":
            revision = await self._cluster.get(ObjectRef(_API, "IstioRevision", "", _active_name(referred)))
        spec = revision["spec"]
        await self._install(tag, f"{name}-revisiontags", "istiod", spec, {"revisionTags": [name]}, _is_of_tag)
        return {
            "istioRevision": revision["metadata"]["name"],
            "istiodNamespace": spec["namespace"],
            "conditions": [_condition("Reconciled", True, "Reconciled")],
        }

    async def _cni(self, cni: Manifest) -> dict[str, Any]:
        await self._install(cni, "istio-cni", "cni", cni["spec"])
        return {"conditions": await self._ready("DaemonSet", cni["spec"]["namespace"], "istio-cni-node")}

    async def _ztunnel(self, ztunnel: Manifest) -> dict[str, Any]:
        await self._install(ztunnel, "ztunnel", "ztunnel", ztunnel["spec"])
        return {"conditions": await self._ready("DaemonSet", ztunnel["spec"]["namespace"], "ztunnel")}

    async def _attempt(self, resource: Manifest, reconcile: Callable[[Manifest], Awaitable[dict[str, Any]]]) -> None:
        try:
            status = await reconcile(resource)
        except ResailError as error:
            status = {"conditions": [_condition("Reconciled", False, "ReconcileError", str(error))]}
        status["observedGeneration"] = resource["metadata"]["generation"]
        before = resource.get("status") or {}
        if any(before.get(key) != value for key, value in status.items()):
            with contextlib.suppress(NotFoundError):
                await self._write_status(ObjectRef.of(resource), status)

    # --- releases ---

    async def _install(
        self,
        owner: Manifest,
        release: str,
        chart: str,
        spec: dict[str, Any],
        more: dict[str, Any] | None = None,
        wanted: Callable[[Manifest], bool] = lambda _: True,
    ) -> None:
        version, namespace = spec["version"].removeprefix("v"), spec["namespace"]
        values = {**(spec.get("values") or {}), **(more or {})}
        history = await self._history(release, namespace)
        before = history[-1][1] if history else None
        if before is not None and (before.chart_version, before.values) == (version, values):
            return
        rendered = await self._render(chart, version, release, namespace, values)
        shown = (_without_policy(one) if before is not None else one for one in rendered)
        objects = tuple(_owned(one, owner) for one in shown if one["kind"] != _CRD and wanted(one))
        for manifest in objects:
            await self._cluster.apply(as_helm_applies(manifest, release, namespace), manager=_MANAGER, force=True)
        kept = {ObjectRef.of(manifest) for manifest in objects}
        await self._remove([ref for ref in map(ObjectRef.of, before.objects if before else ()) if ref not in kept])
        written = StoredRelease(
            name=release,
            namespace=namespace,
            revision=before.revision + 1 if before else 1,
            status="deployed",
            chart="revisiontags" if owner["kind"] == "IstioRevisionTag" else chart,
            chart_version=version,
            app_version=version,
            values=values,
            objects=objects,
            apply_method="",
            run="",
        )
        await self._cluster.create(encode_release(written))
        await self._remove([ref for ref, _ in history])

    async def _uninstall(self, release: str, namespace: str) -> None:
        history = await self._history(release, namespace)
        if history:
            await self._remove([ObjectRef.of(manifest) for manifest in history[-1][1].objects])
            await self._remove([ref for ref, _ in history])

    async def _history(self, release: str, namespace: str) -> list[tuple[ObjectRef, StoredRelease]]:
        labels = f"owner=helm,name={release}"
        secrets = await self._cluster.list_objects(KindRef("v1", "Secret"), namespace=namespace, labels=labels)
        found = [(ObjectRef.of(secret), decode_release(secret)) for secret in secrets]
        return sorted(found, key=lambda pair: pair[1].revision)

    async def _remove(self, refs: Sequence[ObjectRef]) -> None:
        for ref in refs:
            with contextlib.suppress(NotFoundError):
                await self._cluster.delete(ref)

    # --- looking ---

    async def _resources(self, kind: str) -> list[Manifest]:
        return await self._cluster.list_objects(KindRef(_API, kind))

    async def _ready(self, kind: str, namespace: str, name: str) -> list[dict[str, str]]:
        live = await self._cluster.get(ObjectRef("apps/v1", kind, namespace, name))
        status = live.get("status") or {}
        wanted, ready = ("replicas", "readyReplicas") if kind == "Deployment" else ("desiredNumberScheduled", "numberReady")
        updated = status.get("updatedReplicas" if kind == "Deployment" else "updatedNumberScheduled", 0)
        goal = live["spec"].get("replicas", 1) if kind == "Deployment" else status.get(wanted, 0)
        observed = status.get("observedGeneration", 0) == live["metadata"]["generation"]
        done = observed and status.get(ready, 0) >= goal and updated >= goal and goal > 0
        return [_condition("Reconciled", True, "Reconciled"), _condition("Ready", done, "Healthy" if done else "IstiodNotReady")]

    async def _is_in_use(self, revision: str) -> bool:
        names = {revision}
        for tag in await self._resources("IstioRevisionTag"):
            if (tag.get("status") or {}).get("istioRevision") == revision:
                names.add(tag["metadata"]["name"])
        namespaces, pods = await asyncio.gather(
            self._cluster.list_shapes(KindRef("v1", "Namespace"), _Labelled),
            self._cluster.list_shapes(KindRef("v1", "Pod"), _Labelled),
        )
        # istiod's own pods bear the revision's label, and want no sidecar.
        meshed = [one for one in pods if one.metadata.labels.get("sidecar.istio.io/inject") != "false"]
        asked = {one.metadata.labels.get("istio.io/rev") for one in (*namespaces, *meshed)}
        asked |= {one.metadata.annotations.get("istio.io/rev") for one in meshed}
        asked |= {"default" for one in namespaces if one.metadata.labels.get("istio-injection") == "enabled"}
        return bool(names & asked)


class _Metadata(msgspec.Struct):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Labelled(msgspec.Struct):
    metadata: _Metadata


def _active_name(istio: Manifest) -> str:
    name, spec = istio["metadata"]["name"], istio["spec"]
    by_revision = (spec.get("updateStrategy") or {}).get("type") == "RevisionBased"
    return f"{name}-{spec['version'].replace('.', '-')}" if by_revision else str(name)


def _owner(resource: Manifest) -> dict[str, Any]:
    metadata = resource["metadata"]
    named = {"apiVersion": _API, "kind": resource["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return {**named, "controller": True, "blockOwnerDeletion": True}


def _is_owned(one: Manifest, by: Manifest) -> bool:
    return any(owner["uid"] == by["metadata"]["uid"] for owner in one["metadata"].get("ownerReferences") or ())


def _owned(manifest: Manifest, owner: Manifest) -> Manifest:
    """As the operator's post-renderer makes it."""
    metadata = manifest["metadata"]
    labels = {**(metadata.get("labels") or {}), "managed-by": _MANAGER}
    return {**manifest, "metadata": {**metadata, "labels": labels, "ownerReferences": [_owner(owner)]}}


def _without_policy(manifest: Manifest) -> Manifest:
    """An upgrade leaves the validator's failurePolicy to istiod."""
    if manifest["kind"] != "ValidatingWebhookConfiguration":
        return manifest
    entries = [{key: value for key, value in entry.items() if key != "failurePolicy"} for entry in manifest["webhooks"]]
    return {**manifest, "webhooks": entries}


def _is_of_tag(manifest: Manifest) -> bool:
    return "istio.io/tag" in (manifest["metadata"].get("labels") or {})


def _condition(kind: str, holds: bool, reason: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}
