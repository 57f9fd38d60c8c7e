"""Fill a bed with what stands for a mesh: its desired state, from which the real controllers and istiods make the rest."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec

from resail.checks.rollout import ROLLING_KINDS, rollout_of
from resail.cluster import Cluster
from resail.errors import ApiConflictError, NotFoundError, ResailError
from resail.models.identity import Manifest, ObjectRef
from resail.models.stand_in import StandIn

__all__ = ["fill"]

_HELM = "helm"
_OTHERS = "kubectl"
"""Field managers."""

_READY_AFTER = "testbed.resail.dev/ready-after"
_APPROVED = "api-approved.kubernetes.io"
_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_WORKLOADS = (*ROLLING_KINDS, "ReplicaSet", "Job", "CronJob", "Pod")
_CUSTOM_GROUPS = (".istio.io", "gateway.networking.k8s.io")

_POLL = 0.3  # seconds
_PATIENCE = 600.0  # seconds for all pods: some get ready one after the other


async def fill(cluster: Cluster, objects: Iterable[StandIn], ready_seconds: Mapping[ObjectRef, float]) -> None:
    """Create them all, and wait until every pod is ready and injected.

    Left out is what only a running cluster has (status, pods of controllers, the uid of kube-system), and custom resources, of
    which a snapshot knows nothing but the names. Pods get the sidecars that the mesh's pointers give them now.

    Args:
        cluster: a new bed.
        objects: in an order in which each comes after what it needs.
        ready_seconds: workload → how long its pods take to get ready.

    Raises:
        ResailError: something of it is refused, or does not get ready.
    """
    fillings = [_Filling(one, ready_seconds) for one in objects if _is_wanted(one)]
    webhooks = [one for one in fillings if one.kind in _WEBHOOKS]
    planes = [one for one in fillings if one.is_istiod]
    workloads = [one for one in fillings if one.kind in _WORKLOADS and not one.is_istiod]
    others = [one for one in fillings if one not in (*webhooks, *planes, *workloads)]
    # Webhooks before their istiod would refuse its pod, other pods before both would go without a sidecar.
    for group in (others, planes):
        for one in group:
            await one.put(cluster)
    await _until(lambda: _all_ready(cluster, planes), "the istiods are not ready")
    for one in webhooks:
        await one.put(cluster)
    await _until(lambda: _all_answer(cluster, webhooks), "istiod gives the webhooks no CA bundle")
    for one in workloads:
        await one.put(cluster)
    await _until(lambda: _all_ready(cluster, workloads), "not all pods are ready")
    for one in workloads:
        await one.pause(cluster)


class _Filling:
    """One object, and what of it is written by whom."""

    def __init__(self, one: StandIn, ready_seconds: Mapping[ObjectRef, float]) -> None:
        self.ref = ObjectRef.of(one.manifest)
        self.kind = self.ref.kind
        self._applied = one.applied
        self._manifest = _desired(one.manifest)
        if self.kind in ROLLING_KINDS and self.ref in ready_seconds:
            template = self._manifest["spec"]["template"].setdefault("metadata", {})
            template["annotations"] = {_READY_AFTER: f"{ready_seconds[self.ref]:.3f}s", **(template.get("annotations") or {})}

    @property
    def is_istiod(self) -> bool:
        return self.kind == "Deployment" and any(
            container["name"] == "discovery" for container in self._manifest["spec"]["template"]["spec"]["containers"]
        )

    @property
    def gets_bundle(self) -> bool:
        return any((entry.get("clientConfig") or {}).get("caBundle") for entry in self._manifest.get("webhooks") or ())

    async def put(self, cluster: Cluster) -> None:
        if self._applied is None and self.kind in ("Node", "Pod", "Secret"):
            # Written once, as a whole: of a Node with its status, of a Helm record as Helm writes it.
            with contextlib.suppress(ApiConflictError):
                await cluster.create(self._manifest)
        elif self._applied is not None:
            await cluster.apply(self._applied, manager=_HELM, force=True)
            if self.kind in ROLLING_KINDS:
                await cluster.patch(self.ref, self._beyond_helm())
        else:
            await cluster.apply(self._without_bundles(), manager=_OTHERS, force=True)
        if self.kind == "CustomResourceDefinition":
            await _until(lambda: _established(cluster, self.ref), f"{self.ref} is not established")

    async def pause(self, cluster: Cluster) -> None:
        """Only now: a paused Deployment would begin without pods."""
        if self._paused:
            await cluster.patch(self.ref, {"spec": {"paused": True}})

    @property
    def _paused(self) -> bool:
        return self.kind == "Deployment" and bool(self._manifest["spec"].get("paused"))

    def _beyond_helm(self) -> Manifest:
        """What others have come to write into what Helm applied."""
        spec = self._manifest["spec"]
        annotations = (spec["template"].get("metadata") or {}).get("annotations") or {}
        replicas = {"replicas": spec["replicas"]} if "replicas" in spec else {}
        return {"spec": {**replicas, "template": {"metadata": {"annotations": annotations}}}}

    def _without_bundles(self) -> Manifest:
        if self.kind == "Deployment":
            spec = {name: value for name, value in self._manifest["spec"].items() if name != "paused"}
            return {**self._manifest, "spec": spec}
        if self.kind not in _WEBHOOKS:
            return self._manifest
        entries = [
            {**entry, "clientConfig": {name: value for name, value in entry["clientConfig"].items() if name != "caBundle"}}
            for entry in self._manifest.get("webhooks") or ()
        ]
        return {**self._manifest, "webhooks": entries}


def _is_wanted(one: StandIn) -> bool:
    if one.manifest["metadata"].get("ownerReferences"):
        return False
    return one.applied is not None or not ObjectRef.of(one.manifest).kind_ref.group.endswith(_CUSTOM_GROUPS)


def _desired(manifest: Manifest) -> Manifest:
    """Without what only the API server can know or set."""
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(manifest))
    if copy["kind"] != "Node":
        copy.pop("status", None)
    for name in ("uid", "creationTimestamp"):
        copy["metadata"].pop(name, None)
    if copy["kind"] == "CustomResourceDefinition" and copy["spec"]["group"].endswith(".k8s.io"):
        # Else the API server refuses groups that are Kubernetes' own.
        copy["metadata"].setdefault("annotations", {}).setdefault(_APPROVED, "unapproved, stands in for one")
    if copy["kind"] == "Pod":
        own = [container for container in copy["spec"]["containers"] if container["name"] != "istio-proxy"]
        copy["spec"]["containers"] = own or copy["spec"]["containers"]
        copy["spec"].pop("nodeName", None)
    return copy


async def _until(condition: Callable[[], Awaitable[bool]], complaint: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    while not await condition():
        if loop.time() > deadline:
            raise ResailError(f"{complaint} after {_PATIENCE:.0f} s", on="the test bed", next_step="see the test bed's logs")
        await asyncio.sleep(_POLL)


async def _all_ready(cluster: Cluster, fillings: Iterable[_Filling]) -> bool:
    for one in fillings:
        if one.kind in ROLLING_KINDS and not rollout_of(await cluster.get(one.ref)).complete:
            return False
    return True


async def _all_answer(cluster: Cluster, webhooks: Iterable[_Filling]) -> bool:
    for one in webhooks:
        entries = (await cluster.get(one.ref)).get("webhooks") or ()
        if one.gets_bundle and not all(entry["clientConfig"].get("caBundle") for entry in entries):
            return False
    return True


async def _established(cluster: Cluster, ref: ObjectRef) -> bool:
    with contextlib.suppress(NotFoundError):
        conditions = ((await cluster.get(ref)).get("status") or {}).get("conditions") or ()
        return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
    return False
