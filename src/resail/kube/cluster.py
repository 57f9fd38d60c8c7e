"""``ClusterReader`` and ``ClusterWriter`` over a real API server."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from resail.cluster import FIELD_MANAGER, ResourceKind, WatchEvent
from resail.errors import ApiConflictError, ClusterApiError, ClusterUnreachableError, NotFoundError
from resail.kube.config import http_client
from resail.kube.discovery import Discovery
from resail.kube.errors import unreadable
from resail.kube.http import Api
from resail.kube.lists import list_whole
from resail.kube.objects import checked, decoded
from resail.kube.watch import watch
from resail.models.access import KubeAccess, Permission
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.tenure.tenure import Tenure

__all__ = ["KubeCluster", "connect"]

T = TypeVar("T")

_UID = re.compile(r"[A-Za-z0-9-]{1,64}")
_LISTS_FROM_MEMORY = 31
"""The minor version since which API servers have consistent lists in their memory."""


@asynccontextmanager
async def connect(kubeconfig: Path | None = None, context: str | None = None) -> AsyncIterator["KubeCluster"]:
    """Connect, and see that the API answers.

    Raises:
        ClusterUnreachableError: the kubeconfig cannot be used, or the API does not answer or accept us.
    """
    access = KubeAccess(kubeconfig, context)
    async with http_client(access) as client:
        tenure = Tenure()
        cluster = KubeCluster(Api(client, tenure), access, tenure)
        await cluster.server_version()
        yield cluster


class _Version(msgspec.Struct, rename="camel"):
    git_version: str


class _ReviewStatus(msgspec.Struct, rename="camel"):
    allowed: bool
    evaluation_error: str = ""


class _Review(msgspec.Struct):
    status: _ReviewStatus


class KubeCluster:
    """Implements ``ClusterReader``, ``ClusterWriter`` and ``AccessReviewer``; the docstrings are there."""

    def __init__(self, api: Api, access: KubeAccess, tenure: Tenure) -> None:
        self._api = api
        self._discovery = Discovery(api)
        self._lists_at_once = False
        self.access = access
        self.tenure = tenure
        """For how long it writes."""

    # --- reading ---

    async def server_version(self) -> str:
        answer = await self._api.request("GET", "/version", what="the API server's version")
        try:
            version = msgspec.json.decode(answer, type=_Version).git_version.removeprefix("v")
        except msgspec.DecodeError as error:
            raise ClusterUnreachableError(
                "what answers is not a Kubernetes API server",
                on=answer[:100].decode(errors="replace").strip(),
                next_step="see that the server's address in the kubeconfig is right, and that no login page answers there",
            ) from error
        self._lists_at_once = _minor(version) >= _LISTS_FROM_MEMORY
        return version

    async def cluster_id(self) -> str:
        system = ObjectRef("v1", "Namespace", "", "kube-system")
        identity = (await self.get(system))["metadata"].get("uid")
        # The name of a directory, too.
        if not isinstance(identity, str) or not _UID.fullmatch(identity):
            raise unreadable("its uid is none", f"get {system}")
        return identity

    async def resource_kinds(self) -> tuple[ResourceKind, ...]:
        return await self._discovery.kinds()

    async def get(self, ref: ObjectRef) -> Manifest:
        what = f"get {ref}"
        return decoded(await self._api.request("GET", await self._discovery.path(ref), what=what), what)

    async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
        found = await self.list_shapes(kind, dict[str, Any], namespace=namespace, labels=labels, fields=fields)
        # Items of a list do not say what they are.
        what = f"list {kind.kind}"
        return [{"apiVersion": kind.api_version, "kind": kind.kind, **checked(manifest, what)} for manifest in found]

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        path = await self._discovery.collection(kind, namespace)
        found, _ = await list_whole(self._api, path, kind, shape, labels, fields, at_once=self._lists_at_once)
        return found

    def watch(self, kind: KindRef, *, namespace: str = "", labels: str = "") -> AsyncGenerator[WatchEvent, None]:
        return watch(self._api, self._discovery, kind, namespace, labels)

    async def allows(self, permission: Permission) -> bool:
        resource, _, subresource = permission.resource.partition("/")
        asked = {"group": permission.group, "resource": resource, "subresource": subresource, "verb": permission.verb}
        answer = await self._api.request(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            what="review of our own rights",
            body={
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {**asked, "namespace": permission.namespace, "name": permission.name}},
            },
        )
        try:
            status = msgspec.json.decode(answer, type=_Review).status
        except msgspec.DecodeError as error:
            raise ClusterApiError(f"the API's answer cannot be read: {error}", on="review of our own rights") from error
        if status.evaluation_error and not status.allowed:
            raise ClusterApiError(f"it cannot be told: {status.evaluation_error}", on="review of our own rights")
        return status.allowed

    async def ask_pod(self, pod: ObjectRef, port: int, path: str) -> bytes:
        return await self._api.request(
            "GET",
            f"{await self._discovery.path(pod)}:{port}/proxy/{path}",
            what=f"ask {pod} for /{path}",
            accept="*/*",
            # A pod that cannot be reached through the API server is not to be reached a second later either.
            repeatable=False,
        )

    async def pod_log(self, pod: ObjectRef, container: str, *, lines: int, previous: bool = False) -> str:
        answer = await self._api.request(
            "GET",
            f"{await self._discovery.path(pod)}/log",
            what=f"the log of {pod} {container}",
            params={"container": container, "tailLines": str(lines), "limitBytes": "65536"}
            | ({"previous": "true"} if previous else {}),
            accept="*/*",
            # A node that does not answer will not do so a second later either.
            repeatable=False,
        )
        return answer.decode(errors="replace")

    # --- writing ---

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        ref = ObjectRef.of(manifest)
        answer = await self._api.request(
            "POST",
            await self._discovery.collection(ref.kind_ref, ref.namespace),
            what=f"create {ref}",
            params=_params(dry_run),
            body=manifest,
            # Sent twice, the second one would find the first one's object.
            repeatable=dry_run,
        )
        return decoded(answer, f"create {ref}")

    async def apply(
        self, manifest: Manifest, *, manager: str = FIELD_MANAGER, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        ref = ObjectRef.of(manifest)
        answer = await self._api.request(
            "PATCH",
            await self._discovery.path(ref),
            what=f"apply {ref}",
            params=_params(dry_run) | {"fieldManager": manager} | ({"force": "true"} if force else {}),
            body=manifest,
            content_type="application/apply-patch+yaml",
        )
        return decoded(answer, f"apply {ref}")

    async def patch(self, ref: ObjectRef, patch: Manifest, *, dry_run: bool = False) -> Manifest:
        answer = await self._api.request(
            "PATCH",
            await self._discovery.path(ref),
            what=f"patch {ref}",
            params=_params(dry_run),
            body=patch,
            content_type="application/merge-patch+json",
        )
        return decoded(answer, f"patch {ref}")

    async def delete(self, ref: ObjectRef, *, dry_run: bool = False) -> None:
        await self._api.request(
            "DELETE",
            await self._discovery.path(ref),
            what=f"delete {ref}",
            params={"propagationPolicy": "Background"} | ({"dryRun": "All"} if dry_run else {}),
        )

    async def evict(self, pod: ObjectRef, *, dry_run: bool = False) -> None:
        try:
            # StatefulSets reuse names: without the uid a second one, or a late first one, could hit the pod that came after.
            uid = (await self.get(pod))["metadata"].get("uid")
            await self._api.request(
                "POST",
                f"{await self._discovery.path(pod)}/eviction",
                what=f"evict {pod}",
                params=_params(dry_run),
                body={
                    "apiVersion": "policy/v1",
                    "kind": "Eviction",
                    "metadata": {"name": pod.name, "namespace": pod.namespace},
                    "deleteOptions": {"preconditions": {"uid": uid}},
                },
            )
        except NotFoundError:
            return
        except ApiConflictError as conflict:
            # The API server answers so while the pod is being deleted already, and once another one has its name.
            if not any(words in conflict.what for words in ("being deleted", "UID in precondition")):
                raise


def _minor(version: str) -> int:
    """31 of ``1.31.4-gke.1``; 0 where it is not told."""
    found = re.match(r"1\.(\d+)", version)
    return int(found[1]) if found else 0


def _params(dry_run: bool) -> dict[str, str]:
    return {"fieldManager": FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})
