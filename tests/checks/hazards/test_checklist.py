"""Each question is asked where it could apply, and nowhere else."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.checks.hazards.checklist import QUESTIONS, questions_for
from resail.models.identity import ObjectRef
from resail.models.mesh_objects import MeshObjects
from resail.models.snapshot import ForeignManager
from tests.checks.hazards.scenario import NearMiss, case_of, near_miss_of, raw_scenarios, read
from tests.checks.hazards.test_rules import spoilt_case

CALM: dict[str, Any] = {"installed": "1.26.0", "target": "1.26.1", "found": [], "near_misses": [], "steps": []}
"""A mesh without gateways, agents or anything else, and a plan without steps."""


def of(name: str, number: int = 0) -> dict[str, Any]:
    [raw] = [raw for found, at, raw in raw_scenarios() if (found, at) == (name, number)]
    return raw


def with_objects(*objects: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {**CALM, **others, "objects": list(objects)}


def gateway(name: str = "ingress") -> dict[str, Any]:
    labels = {"istio": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ingress"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {"inject.istio.io/templates": "gateway"}},
                "spec": {"containers": [{"name": "istio-proxy", "image": "auto"}]},
            },
        },
    }


def service(kind: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "ingress", "namespace": "ingress"},
        "spec": {"type": kind, "selector": {"istio": "ingress"}, "ports": [{"port": 443}]},
    }


AUTHENTICATION = {
    "apiVersion": "security.istio.io/v1",
    "kind": "RequestAuthentication",
    "metadata": {"name": "people", "namespace": "shop"},
    "spec": {"jwtRules": [{"issuer": "https://id.example.com", "jwksUri": "https://id.example.com/keys"}]},
}
REMOTE = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "west", "namespace": "istio-system", "labels": {"istio/multiCluster": "true"}},
}
ISTIOD = {"api_version": "apps/v1", "kind": "Deployment", "namespace": "istio-system", "name": "istiod"}
RESTARTS = {
    "type": "RestartWave",
    "id": "05-restart-wave",
    "title": "wave 1",
    "reason": "they have the old proxy",
    "undo": {"type": "RestartAgain"},
    "wave": 1,
    "restarts": [
        {"workload": ISTIOD, "method": "rollout", "reason": "-", "pods": 1, "from_version": "1.26.0", "to_revision": "default"}
    ],
}
HELD = {"istiod": {"values": {"compatibilityVersion": "1.23"}}}
SHOWN: list[tuple[str, dict[str, Any], NearMiss]] = [
    ("cni-token", of("C2"), NearMiss("objects[0].spec.template.spec.containers[0].image", "docker.io/istio/install-cni:1.25.2")),
    ("cni-file", of("C9"), NearMiss("steps[0].change.objects[0].change", "change")),
    ("node-packet-filter", of("C5"), NearMiss("target", "1.28.3")),
    ("node-packet-filter", {**of("C2"), "target": "1.25.3"}, NearMiss("target", "1.25.4")),
    ("envoy-headers", with_objects(gateway(), installed="1.24.6", target="1.25.2"), NearMiss("target", "1.24.7")),
    ("envoy-headers", with_objects(gateway(), installed="1.24.6", target="1.25.2"), NearMiss("objects[0]", absent=True)),
    ("retried-requests", with_objects(installed="1.23.4", target="1.24.1"), NearMiss("installed", "1.24.0")),
    ("retried-requests", with_objects(installed="1.23.4", target="1.24.1"), NearMiss("helm", HELD)),
    ("jwks-reachable", with_objects(AUTHENTICATION), NearMiss("objects[0].spec.jwtRules[0].jwks", "{}")),
    ("remote-secrets", with_objects(REMOTE), NearMiss("objects[0].metadata.labels", {})),
    ("dashboards", with_objects(installed="1.28.5", target="1.29.1"), NearMiss("target", "1.28.6")),
    ("istioctl-version", with_objects(target="1.27.0"), NearMiss("target", "1.26.2")),
    ("on-call", with_objects(steps=[RESTARTS]), NearMiss("steps[0]", absent=True)),
    ("balancer-draining", with_objects(gateway(), service("LoadBalancer")), NearMiss("objects[1].spec.type", "ClusterIP")),
    ("balancer-draining", with_objects(gateway(), service("LoadBalancer")), NearMiss("objects[0]", gateway("other"))),
]


@pytest.mark.parametrize(("name", "raw", "miss"), SHOWN, ids=[f"{name}-{miss.at}" for name, _, miss in SHOWN])
async def test_a_question_is_asked_where_it_could_apply(name: str, raw: dict[str, Any], miss: NearMiss) -> None:
    asked = {one.id: one for one in questions_for(await case_of(read(raw)))}
    not_asked = {one.id for one in questions_for(await case_of(near_miss_of(raw, miss)))}

    assert asked[name].reason
    assert asked[name].source.startswith("https://")
    assert name not in not_asked


async def test_pipelines_are_asked_for_unless_one_was_seen() -> None:
    case = await case_of(read(CALM))
    seen = ForeignManager("Argo CD", ObjectRef("apps/v1", "Deployment", "istio-system", "istiod"), "metadata", "x", "mesh")
    managed = msgspec.structs.replace(case, snapshot=msgspec.structs.replace(case.snapshot, foreign_managers=(seen,)))

    assert {one.id for one in questions_for(case)} == {"pipelines"}
    assert questions_for(managed) == ()


async def test_what_cannot_be_read_may_apply() -> None:
    case = await case_of(read(CALM))
    unread = msgspec.structs.replace(case, objects=MeshObjects({}, {"Secret": "secrets may not be listed"}))

    [question] = [one for one in questions_for(unread) if one.id == "remote-secrets"]
    assert question.reason == "whether it matters here is not known: secrets may not be listed"


@given(st.data())
def test_no_question_raises(data: st.DataObject) -> None:
    questions_for(spoilt_case(data))


def test_there_are_twelve_at_most_and_all_are_tried_here() -> None:
    assert len(QUESTIONS) <= 12
    assert {name for name, _, _ in SHOWN} | {"pipelines"} == set(QUESTIONS)
