"""Which kinds the API serves, and under which paths."""

import asyncio
from typing import TypeVar

import msgspec

from resail.cluster import ResourceKind
from resail.errors import ClusterApiError, NotFoundError
from resail.kube.errors import unreadable
from resail.kube.http import Api
from resail.models.identity import KindRef, ObjectRef

__all__ = ["Discovery"]

T = TypeVar("T")

_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


class _Named(msgspec.Struct):
    name: str = ""


class _Kind(msgspec.Struct):
    kind: str = ""


class _Resource(msgspec.Struct, rename="camel"):
    resource: str
    scope: str
    response_kind: _Kind | None = None
    verbs: list[str] | None = None


class _Version(msgspec.Struct):
    version: str
    resources: list[_Resource] | None = None


class _Group(msgspec.Struct):
    metadata: _Named
    versions: list[_Version] | None = None


class _GroupVersion(msgspec.Struct, rename="camel"):
    group_version: str


class _PlainGroup(msgspec.Struct):
    versions: list[_GroupVersion] | None = None


class _Root(msgspec.Struct):
    """``/api`` or ``/apis``, aggregated or not."""

    items: list[_Group] | None = None
    """None where it is not aggregated."""
    versions: list[str] | None = None
    groups: list[_PlainGroup] | None = None


class _PlainResource(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool
    verbs: list[str]


class _PlainVersion(msgspec.Struct):
    """One version of one group, where discovery is not aggregated."""

    resources: list[_PlainResource] | None = None


class Discovery:
    """Aggregated discovery (on since Kubernetes 1.27, else group by group), read once, and again when a kind is not known."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._kinds: dict[KindRef, ResourceKind] = {}
        self._turn = asyncio.Lock()

    async def kinds(self) -> tuple[ResourceKind, ...]:
        """All, read afresh."""
        found: dict[KindRef, ResourceKind] = {}
        for root in ("/api", "/apis"):
            document = await self._read(root, _AGGREGATED, _Root)
            kinds = await self._kinds_by_group(root, document) if document.items is None else _kinds_of(document.items)
            for kind in kinds:
                found.setdefault(kind.kind, kind)
        self._kinds = found
        return tuple(sorted(found.values()))

    async def find(self, kind: KindRef) -> ResourceKind:
        """The resource of a kind.

        Raises:
            NotFoundError: the API does not serve it.
        """
        # Who asks for many kinds at once at first waits for one answer.
        async with self._turn:
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

    async def _kinds_by_group(self, root: str, document: _Root) -> list[ResourceKind]:
        """From an API server, or a proxy before it, that does not aggregate; a group that does not answer is left out."""
        if root == "/api":
            versions = document.versions or []
        else:
            versions = [version.group_version for group in document.groups or () for version in group.versions or ()]
        answers = await asyncio.gather(
            *(self._read(f"{root}/{version}", "application/json", _PlainVersion) for version in versions), return_exceptions=True
        )
        kinds: list[ResourceKind] = []
        for version, answer in zip(versions, answers, strict=True):
            if isinstance(answer, ClusterApiError):
                continue
            if isinstance(answer, BaseException):
                raise answer
            kinds += _kinds_of_version(version, answer)
        return kinds

    async def _read(self, path: str, accept: str, shape: type[T]) -> T:
        what = f"discovery of {path}"
        answer = await self._api.request("GET", path, what=what, accept=accept)
        try:
            return msgspec.json.decode(answer, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unreadable(error, what) from error


def _kinds_of(groups: list[_Group]) -> list[ResourceKind]:
    return [
        ResourceKind(
            kind=KindRef(f"{group.metadata.name}/{version.version}" if group.metadata.name else version.version, kind.kind),
            plural=resource.resource,
            namespaced=resource.scope == "Namespaced",
            verbs=tuple(sorted(resource.verbs or ())),
        )
        for group in groups
        for version in group.versions or ()
        for resource in version.resources or ()
        if (kind := resource.response_kind) is not None and kind.kind and "get" in (resource.verbs or ())
    ]


def _kinds_of_version(version: str, document: _PlainVersion) -> list[ResourceKind]:
    return [
        ResourceKind(
            kind=KindRef(version, resource.kind),
            plural=resource.name,
            namespaced=resource.namespaced,
            verbs=tuple(sorted(resource.verbs)),
        )
        for resource in document.resources or ()
        if "/" not in resource.name and "get" in resource.verbs
    ]
