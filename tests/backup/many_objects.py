"""Two thousand custom resources of Istio in a mesh."""

import asyncio
from collections.abc import Iterator

from resail.kube import connect
from resail.models.identity import Manifest
from resail.testbed.bed import Bed

__all__ = ["OBJECTS", "make_many_objects"]

_NAMESPACES = 10
_APPLICATIONS = 20
_CALLERS = 8
OBJECTS = _NAMESPACES * _APPLICATIONS * (_CALLERS + 2)

_AT_ONCE = 16


def make_many_objects(bed: Bed) -> None:
    """Routes, and who may call whom, in namespaces of their own."""
    asyncio.run(_make(bed))


async def _make(bed: Bed) -> None:
    turn = asyncio.Semaphore(_AT_ONCE)
    async with connect(bed.kubeconfig_of("deployer")) as cluster:

        async def create(manifest: Manifest) -> None:
            async with turn:
                # Some are another one's, to whom a restore has to give them back.
                if manifest["kind"] == "DestinationRule":
                    await cluster.apply(manifest, manager="argocd-controller")
                else:
                    await cluster.create(manifest)

        await asyncio.gather(*(create(_object("v1", "Namespace", "", _namespace(number))) for number in range(_NAMESPACES)))
        await asyncio.gather(*map(create, _objects()))


def _objects() -> Iterator[Manifest]:
    for number in range(_NAMESPACES):
        for application in range(_APPLICATIONS):
            namespace, name = _namespace(number), f"application-{application:02d}"
            host = f"{name}.{namespace}.svc.cluster.local"
            yield _object("networking.istio.io/v1", "DestinationRule", namespace, name, {"host": host})
            route = {"route": [{"destination": {"host": host}}], "timeout": "5s"}
            yield _object("networking.istio.io/v1", "VirtualService", namespace, name, {"hosts": [host], "http": [route]})
            for caller in range(_CALLERS):
                principal = f"cluster.local/ns/{namespace}/sa/caller-{caller}"
                rule = {"from": [{"source": {"principals": [principal]}}]}
                spec = {"selector": {"matchLabels": {"app": name}}, "rules": [rule]}
                yield _object("security.istio.io/v1", "AuthorizationPolicy", namespace, f"{name}-{caller}", spec)


def _namespace(number: int) -> str:
    return f"many-{number:02d}"


def _object(api_version: str, kind: str, namespace: str, name: str, spec: Manifest | None = None) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **({"spec": spec} if spec else {})}
