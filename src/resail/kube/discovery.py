"""Which kinds the API serves, and under which paths."""

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
    """Aggregated discovery (served since Kubernetes 1.26), read once, and again when a kind is not known."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._kinds: dict[KindRef, ResourceKind] = {}

    async def kinds(self) -> tuple[ResourceKind, ...]:
        """All, read afresh."""
        found: dict[KindRef, ResourceKind] = {}
        for root in ("/api", "/apis"):
            answer = await self._api.request("GET", root, what=f"discovery of {root}", accept=_AGGREGATED)
            for kind in _kinds_of(msgspec.json.decode(answer)):
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
            ClusterApiError: the reference has no name.
        """
        if not ref.name:
            raise ClusterApiError("the object has no name", on=str(ref), next_step="give metadata.name")
        return f"{await self.collection(ref.kind_ref, ref.namespace)}/{ref.name}"


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
