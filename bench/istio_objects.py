"""Two thousand objects of Istio, beside the ten thousand pods."""

import asyncio
from collections.abc import Iterator

from bench.crowd import DEPLOYMENTS, NAMESPACES
from resail.kube import connect
from resail.models.identity import Manifest
from resail.testbed.bed import Bed

__all__ = ["OBJECTS", "settle_istio_objects"]

_EACH = 10
"""Of each Deployment of the crowd."""

OBJECTS = NAMESPACES * DEPLOYMENTS * _EACH

_AT_ONCE = 16


async def settle_istio_objects(bed: Bed) -> None:
    """Make them: routes, and who may call whom; each Deployment has a Service for them to speak of."""
    turn = asyncio.Semaphore(_AT_ONCE)
    async with connect(bed.kubeconfig_of("deployer")) as cluster:

        async def create(manifest: Manifest) -> None:
            async with turn:
                await cluster.create(manifest)

        await asyncio.gather(*map(create, _objects()))


def _objects() -> Iterator[Manifest]:
    for space in range(NAMESPACES):
        for number in range(DEPLOYMENTS):
            namespace, app = f"crowd-{space:02d}", f"application-{number:02d}"
            ports = [{"name": "http", "port": 80, "targetPort": 8080}]
            yield _object("v1", "Service", namespace, app, {"selector": {"app": app}, "ports": ports})
            host = f"{app}.{namespace}.svc.cluster.local"
            yield _object("networking.istio.io/v1", "DestinationRule", namespace, app, {"host": host})
            route = {"route": [{"destination": {"host": host}}], "timeout": "5s"}
            yield _object("networking.istio.io/v1", "VirtualService", namespace, app, {"hosts": [host], "http": [route]})
            for each in range(_EACH - 2):
                principal = f"cluster.local/ns/{namespace}/sa/caller-{each}"
                rule = {"from": [{"source": {"principals": [principal]}}]}
                spec = {"selector": {"matchLabels": {"app": app}}, "rules": [rule]}
                yield _object("security.istio.io/v1", "AuthorizationPolicy", namespace, f"{app}-{each}", spec)


def _object(api_version: str, kind: str, namespace: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": name}, "spec": spec}
