"""Which kinds the API serves, and under which paths."""

import asyncio
from typing import Any

import msgspec

from resail.cluster import ResourceKind
from resail.errors import ClusterApiError, NotFoundError
from resail.kube.http import Api
from resail.models.identity import KindRef, ObjectRef

__all__ = ["Discovery"]

_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


class Discovery:
    """Aggregated discovery (on since Kubernetes 1.27, else group by group), read once, and again when a kind is not known."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._kinds: dict[KindRef, ResourceKind] = {}

    async def kinds(self) -> tuple[ResourceKind, ...]:
        """All, read afresh."""
        found: dict[KindRef, ResourceKind] = {}
        for root in ("/api", "/apis"):
            document = await self._read(root, _AGGREGATED)
            kinds = _kinds_of(document) if "items" in document else await self._kinds_by_group(root, document)
            for kind in kinds:
                found.setdefault(kind.kind, kind)
        self._kinds = found
        return tuple(sorted(found.values()))

    async def find(self, kind: KindRef) -> ResourceKind:
        """The resource of a kind.

        Raises:
            NotFoundError: the API does not serve it.
        """
        if kind not in self._kinds:
            await self.kinds()
        if kind not in self._kinds:
            raise NotFoundError(
                "the API server does not serve this kind",
                on=f"{kind.api_version} {kind.kind}",
                next_step="see that its CustomResourceDefinition is installed",
                status=404,
            )
        return self._kinds[kind]

    async def collection(self, kind: KindRef, namespace: str = "") -> str:
        """The path of all objects of a kind."""
        resource = await self.find(kind)
        root = f"/apis/{kind.api_version}" if "/" in kind.api_version else f"/api/{kind.api_version}"
        place = f"/namespaces/{namespace}" if namespace and resource.namespaced else ""
        return f"{root}{place}/{resource.plural}"

    async def path(self, ref: ObjectRef) -> str:
        """The path of one object.

        Raises:
            NotFoundError: the API does not serve the kind.
            ClusterApiError: the reference has no name, or no namespace where the kind needs one.
        """
        if not ref.name:
            raise ClusterApiError("the object has no name", on=str(ref), next_step="give metadata.name")
        if not ref.namespace and (await self.find(ref.kind_ref)).namespaced:
            # The path without it is not served; that 404 would be taken for "the object is not there".
            raise ClusterApiError("the object has no namespace", on=str(ref), next_step="give metadata.namespace")
        return f"{await self.collection(ref.kind_ref, ref.namespace)}/{ref.name}"

    async def _kinds_by_group(self, root: str, document: dict[str, Any]) -> list[ResourceKind]:
        """From an API server, or a proxy before it, that does not aggregate; a group that does not answer is left out."""
        if root == "/api":
            versions = document.get("versions", [])
        else:
            versions = [version["groupVersion"] for group in document.get("groups", ()) for version in group["versions"]]
        answers = await asyncio.gather(
            *(self._read(f"{root}/{version}", "application/json") for version in versions), return_exceptions=True
        )
        kinds: list[ResourceKind] = []
        for version, answer in zip(versions, answers, strict=True):
            if isinstance(answer, ClusterApiError):
                continue
            if isinstance(answer, BaseException):
                raise answer
            kinds += _kinds_of_version(version, answer)
        return kinds

    async def _read(self, path: str, accept: str) -> dict[str, Any]:
        answer = await self._api.request("GET", path, what=f"discovery of {path}", accept=accept)
        try:
            return msgspec.json.decode(answer, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise ClusterApiError(
                f"the API's answer cannot be read: {error}",
                on=f"discovery of {path}",
                next_step="see that nothing between here and the API server changes its answers",
            ) from error


def _kinds_of(document: dict[str, Any]) -> list[ResourceKind]:
    return [
        ResourceKind(
            kind=KindRef(f"{group}/{version['version']}" if group else version["version"], kind),
            plural=resource["resource"],
            namespaced=resource["scope"] == "Namespaced",
            verbs=tuple(sorted(resource.get("verbs", ()))),
        )
        for item in document.get("items", ())
        if (group := item.get("metadata", {}).get("name", "")) is not None
        for version in item.get("versions", ())
        for resource in version.get("resources", ())
        if (kind := (resource.get("responseKind") or {}).get("kind")) and "get" in resource.get("verbs", ())
    ]


def _kinds_of_version(version: str, document: dict[str, Any]) -> list[ResourceKind]:
    return [
        ResourceKind(
            kind=KindRef(version, resource["kind"]),
            plural=resource["name"],
            namespaced=resource["namespaced"],
            verbs=tuple(sorted(resource["verbs"])),
        )
        for resource in document.get("resources", ())
        if "/" not in resource["name"] and "get" in resource["verbs"]
    ]
