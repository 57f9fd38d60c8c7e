"""What a capture reads to tell who else manages a mesh: little, and without insisting."""

import asyncio
from typing import Any, TypeVar

import pytest

from resail.errors import ForbiddenError
from resail.models.identity import KindRef, Manifest
from resail.snapshot import capture
from tests.snapshot.object_reader import ObjectReader

T = TypeVar("T")

SYSTEM = "istio-system"


def named(api_version: str, kind: str, name: str, namespace: str = "", **more: Any) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def crd(group: str, kind: str, plural: str, version: str) -> Manifest:
    versions = [{"name": "v0", "served": True, "storage": False}, {"name": version, "served": True, "storage": True}]
    spec = {"group": group, "names": {"kind": kind, "plural": plural}, "versions": versions}
    return named("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", spec=spec)


KUBE_SYSTEM = named("v1", "Namespace", "kube-system", metadata={"uid": "cluster"})
LABEL = {"labels": {"istio/multiCluster": "true"}}
REMOTE = named("v1", "Secret", "istio-remote-secret-west", SYSTEM, metadata=LABEL, data={"west": "c2VjcmV0"})
SMCP = (crd("maistra.io", "ServiceMeshControlPlane", "servicemeshcontrolplanes", "v2"),)


def told(*objects: Manifest, forbidden: str = "") -> tuple[list[str], tuple[str, ...]]:
    class Reader(ObjectReader):
        async def list_shapes(
            self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
        ) -> list[T]:
            if kind.kind == forbidden and labels:
                raise ForbiddenError("not allowed", status=403)
            return await super().list_shapes(kind, shape, namespace=namespace, labels=labels, fields=fields)

    snapshot = asyncio.run(capture(Reader((KUBE_SYSTEM, *objects), "1.31.0")))
    assert "c2VjcmV0" not in str(snapshot)
    return [one.manager for one in snapshot.foreign_managers], snapshot.unread


@pytest.mark.parametrize(
    ("objects", "manager"),
    [
        ((REMOTE,), "mesh of several clusters"),
        ((*SMCP, named("maistra.io/v2", "ServiceMeshControlPlane", "basic", "mesh")), "OpenShift Service Mesh 2"),
        (
            (
                crd("mesh.cloud.google.com", "ControlPlaneRevision", "controlplanerevisions", "v1beta1"),
                named("mesh.cloud.google.com/v1beta1", "ControlPlaneRevision", "asm-managed", SYSTEM),
            ),
            "Google Cloud Service Mesh",
        ),
        (
            (named("v1", "Service", "istiod", SYSTEM, metadata={"labels": {"app": "istiod"}}, spec={}),),
            "external istiod",
        ),
    ],
)
def test_it_is_read(objects: tuple[Manifest, ...], manager: str) -> None:
    assert told(*objects) == ([manager], ())


@pytest.mark.parametrize(
    "objects",
    [
        (named("v1", "Secret", "x", SYSTEM, metadata={"labels": {"istio/multiCluster": "false"}}),),
        (named("v1", "Secret", "x", "elsewhere", metadata=LABEL),),
        SMCP,
        (named("v1", "Service", "istiod", SYSTEM, metadata={"labels": {"app": "other"}}, spec={}),),
    ],
)
def test_a_near_miss_is_not(objects: tuple[Manifest, ...]) -> None:
    assert told(*objects) == ([], ())


@pytest.mark.parametrize(("kind", "objects"), [("Secret", (REMOTE,)), ("Service", ())])
def test_what_we_may_not_list_is_said_and_stops_nothing(kind: str, objects: tuple[Manifest, ...]) -> None:
    assert told(*objects, forbidden=kind) == ([], (kind,))


RELEASE = ("istio-system", "istiod")


@pytest.mark.parametrize(
    ("spec", "release"),
    [
        ({"releaseName": "istiod", "targetNamespace": "istio-system"}, "istio-system/istiod"),
        ({"targetNamespace": "istio-system"}, "istio-system/istio-system-istiod"),
        ({}, "flux-system/istiod"),
        ({"releaseName": "mesh"}, "flux-system/mesh"),
    ],
)
def test_the_helm_release_that_flux_makes(spec: dict[str, str], release: str) -> None:
    import msgspec

    from resail.snapshot.shapes import HelmReleaseShape

    manifest = named("helm.toolkit.fluxcd.io/v2", "HelmRelease", "istiod", "flux-system", spec=spec)
    assert msgspec.convert(manifest, HelmReleaseShape).release == release
