"""C10 where the mesh is too large to be written down."""

import asyncio
from functools import lru_cache

import msgspec
import pytest

from resail.checks.hazards.assessment import assess
from resail.checks.hazards.case import Case
from resail.checks.hazards.nodes.c10_older_ztunnel import RULE
from resail.models.identity import Manifest
from resail.models.mesh_objects import MeshObjects
from tests.checks.hazards.scenario import case_of, read

ZTUNNEL = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "ztunnel", "namespace": "istio-system"},
    "spec": {
        "selector": {"matchLabels": {"app": "ztunnel"}},
        "template": {
            "metadata": {"labels": {"app": "ztunnel"}},
            "spec": {"containers": [{"name": "istio-proxy", "image": "docker.io/istio/ztunnel:1.30.1"}]},
        },
    },
}


@lru_cache
def large(pods: int, target: str = "1.31.0", limit: str = "") -> Case:
    values = {"pilot": {"env": {"ISTIO_GPRC_MAXRECVMSGSIZE": limit}}} if limit else {}
    raw = {"installed": "1.30.1", "target": target, "objects": [ZTUNNEL], "helm": {"istiod": {"values": values}}}
    case = asyncio.run(case_of(read({**raw, "found": [], "near_misses": []})))
    pod: Manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one of many", "namespace": "shop"}}
    by_kind = {**case.objects.by_kind, "Pod": (pod,) * pods}
    return msgspec.structs.replace(case, objects=MeshObjects(by_kind))


def test_so_many_workloads_that_ztunnel_cannot_connect_again() -> None:
    [finding] = assess(large(40_000), [RULE]).findings

    assert (finding.id, finding.severity, finding.objects[0].name) == ("C10", "warning", "istiod")
    assert "40000" in finding.message
    assert "ISTIO_GPRC_MAXRECVMSGSIZE" in finding.fix


@pytest.mark.parametrize("case", [large(39_999), large(40_000, target="1.30.3"), large(40_000, limit="33554432")])
def test_fewer_another_target_or_a_higher_limit(case: Case) -> None:
    assert assess(case, [RULE]).findings == ()
