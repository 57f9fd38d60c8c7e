"""One look at a cluster: what is listed, how often, and what is kept of it."""

import json
from collections import Counter
from typing import Any, TypeVar

import pytest

from resail.errors import ForbiddenError
from resail.models.encoding import canonical_json
from resail.models.identity import KindRef, Manifest
from resail.snapshot import capture
from resail.snapshot.mesh_objects import capture_all
from resail.snapshot.stand_in.model import custom_definition
from tests.checks.hazards.scenario import SINCE, objects_of, raw_scenarios, read
from tests.snapshot.object_reader import ObjectReader

T = TypeVar("T")

VALUE = "c2VjcmV0IHZhbHVl"  # "secret value"


class RecordingReader(ObjectReader):
    """What is asked of the API for lists, as the paths and queries that it would be."""

    def __init__(self, objects: list[Manifest], forbidden: str = "") -> None:
        super().__init__(objects, "1.31.0")
        self.asked: Counter[tuple[str, str, str, str]] = Counter()
        self._forbidden = forbidden
        self._inner = False

    async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
        if not self._inner:
            self.asked[kind.kind, namespace, labels, fields] += 1
            if kind.kind == self._forbidden:
                raise ForbiddenError(f"{kind.kind} may not be listed", status=403)
        return await super().list_objects(kind, namespace=namespace, labels=labels, fields=fields)

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        self.asked[kind.kind, namespace, labels, fields] += 1
        self._inner = True
        try:
            return await super().list_shapes(kind, shape, namespace=namespace, labels=labels, fields=fields)
        finally:
            self._inner = False


def mesh() -> list[Manifest]:
    """A bit of everything that is read in more than one place."""
    [scenario] = [read(raw) for name, number, raw in raw_scenarios() if (name, number) == ("N10", 0)]
    mark = {"install.operator.istio.io/owning-resource": "installed-state", "operator.istio.io/component": "Pilot"}
    flux = "helmreleases.helm.toolkit.fluxcd.io"
    return [
        *objects_of(scenario),
        custom_definition(flux, "HelmRelease", {"v2": True}, stored="v2", namespaced=True, since=SINCE),
        named("helm.toolkit.fluxcd.io/v2", "HelmRelease", "istiod", spec={}),
        named("v1", "Service", "istiod", labels={"app": "istiod"} | mark, spec={"selector": {"app": "istiod"}}),
        named("apps/v1", "DaemonSet", "istio-cni-node", labels=mark, spec={"template": template({"k8s-app": "istio-cni-node"})}),
        named("v1", "Pod", "istiod-1", labels={"app": "istiod"}, spec={"containers": [{"name": "discovery", "env": [{}]}]}),
        named("v1", "ConfigMap", "istio", data={"mesh": "{}"}),
        named("v1", "ConfigMap", "run", labels={"resail.dev/part": "log"}, data={"log": "…"}),
        named("v1", "ConfigMap", "cilium-config", "kube-system", data={"cni-exclusive": "true"}),
        named("v1", "ConfigMap", "settings", "payments", data={"a": "b"}),
        named("v1", "ConfigMap", "istio-ca-root-cert", "payments", labels={"istio.io/config": "true"}, data={}),
        applied("v1", "Secret", "cacerts", data={"ca-key.pem": VALUE}),
        named("v1", "Secret", "remote", labels={"istio/multiCluster": "true"}, data={"west": VALUE}),
        named("v1", "Secret", "password", "payments", data={"password": VALUE}),
        named("v1", "Event", "a", type="Warning", reason="FailedCreatePodSandBox", message="no sandbox"),
        named("v1", "Event", "b", type="Warning", reason="Unhealthy", message="no answer"),
        named("v1", "Event", "c", type="Normal", reason="BackOff", message="none"),
        named(
            "discovery.k8s.io/v1", "EndpointSlice", "a", endpoints=[{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}]
        ),
    ]


def named(
    api_version: str, kind: str, name: str, namespace: str = "istio-system", labels: dict[str, str] | None = None, **fields: Any
) -> Manifest:
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def applied(*given: Any, **fields: Any) -> Manifest:
    """By kubectl, which writes all of it down once more."""
    manifest = named(*given, **fields)
    note = json.dumps(manifest)
    return {
        **manifest,
        "metadata": {**manifest["metadata"], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": note}},
    }


def template(labels: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "install-cni", "image": "install-cni:1.21.6"}]}}


async def test_each_list_is_asked_for_once() -> None:
    reader = RecordingReader(mesh())

    await capture_all(reader)

    assert {asked: times for asked, times in reader.asked.items() if times > 1} == {}
    entire = {kind for kind, *selectors in reader.asked if not any(selectors)}
    by_parts = {kind for kind, *selectors in reader.asked if any(selectors)}
    assert entire & by_parts == set()
    assert "Secret" in by_parts
    assert "HelmRelease" in entire


async def test_the_snapshot_is_the_one_that_capture_takes() -> None:
    reader = RecordingReader(mesh())

    snapshot, _ = await capture_all(reader)

    assert canonical_json(snapshot) == canonical_json(await capture(reader))


async def test_what_is_kept() -> None:
    _, objects = await capture_all(RecordingReader(mesh()))

    names = {kind: [one["metadata"]["name"] for one in found] for kind, found in objects.by_kind.items()}
    assert names["ConfigMap"] == ["istio", "cilium-config", "istio-ca-root-cert"]
    assert names["Event"] == ["a"]
    assert names["Secret"] == ["cacerts", "remote"]
    assert names["VirtualService.networking.istio.io"] == []
    assert names["HelmRelease.helm.toolkit.fluxcd.io"] == ["istiod"]
    [cacerts, remote] = objects.by_kind["Secret"]
    assert cacerts["data"] == {"ca-key.pem": "(12 characters)"}
    assert "data" not in remote
    assert VALUE not in str(objects)
    [pod] = objects.by_kind["Pod"]
    assert pod["spec"] == {"containers": [{"name": "discovery"}]}
    [found] = objects.by_kind["EndpointSlice.discovery.k8s.io"]
    assert found["endpoints"] == [{"conditions": {"ready": False}}]
    assert objects.unread == {}


@pytest.mark.parametrize("kind", ["Event", "Lease", "Service", "HelmRelease"])
async def test_a_kind_that_may_not_be_listed_is_unread(kind: str) -> None:
    _, objects = await capture_all(RecordingReader(mesh(), forbidden=kind))

    [(name, reason)] = objects.unread.items()
    assert name.split(".")[0] == kind
    assert reason == f"{kind} may not be listed"
    assert name not in objects.by_kind


async def test_of_a_kind_that_may_be_listed_in_part_nothing_is_told() -> None:
    class Part(RecordingReader):
        async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
            if kind.kind == "Secret" and fields:
                raise ForbiddenError("not everywhere", status=403)
            return await super().list_objects(kind, namespace=namespace, labels=labels, fields=fields)

    _, objects = await capture_all(Part(mesh()))

    assert objects.unread == {"Secret": "not everywhere"}
    assert "Secret" not in objects.by_kind
