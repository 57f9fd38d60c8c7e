"""Which release notes concern a mesh."""

import asyncio
import copy
from functools import lru_cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.checks.hazards.case import Case
from resail.checks.notes import relevant_notes
from resail.models.field_path import resolve
from resail.models.identity import IstioVersion
from resail.models.mesh_objects import MeshObjects
from resail.models.release_facts import ReleaseFacts, ReleaseNote
from resail.releases.facts import facts_on_the_way
from tests.checks.hazards.scenario import case_of, read
from tests.checks.hazards.test_rules import spoil

SERVICE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "shop", "namespace": "shop"},
    "spec": {"hosts": ["*.shop.example"], "http": [{"mirror": {"host": "b"}, "route": [{"destination": {"host": "a"}}]}]},
}
ZTUNNEL = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "ztunnel", "namespace": "istio-system", "labels": {"app": "ztunnel"}},
    "spec": {
        "selector": {"matchLabels": {"app": "ztunnel"}},
        "template": {
            "metadata": {"labels": {"app": "ztunnel"}},
            "spec": {"containers": [{"name": "istio-proxy", "image": "docker.io/istio/ztunnel:1.26.0"}]},
        },
    },
}
FLAG: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "istiod-x", "namespace": "istio-system", "labels": {"app": "istiod"}},
    "spec": {
        "selector": {"matchLabels": {"app": "istiod"}},
        "template": {
            "metadata": {"labels": {"app": "istiod"}},
            "spec": {"containers": [{"name": "discovery", "image": "pilot:1.26.0", "env": [{"name": "PILOT_X", "value": "1"}]}]},
        },
    },
}


def mesh(*objects: dict[str, Any], installed: str = "1.26.0", target: str = "1.27.9", **charts: Any) -> Case:
    raw = {"installed": installed, "target": target, "found": [], "near_misses": [], "objects": objects}
    return asyncio.run(case_of(read({**raw, "helm": {chart: {"values": values} for chart, values in charts.items()}})))


def line(version: str, *notes: ReleaseNote) -> ReleaseFacts:
    return ReleaseFacts(version, {}, {}, {}, (), (), (), notes)


def note(*marks: str, name: str = "n", kind: Any = "change", since: str = "") -> ReleaseNote:
    return ReleaseNote(name, kind, "area", "It is so", marks, "https://example.com/n", since)


def found(case: Case, *marks: str, **others: Any) -> list[str]:
    relevant, rest = relevant_notes(case, [line("1.27.0", note(*marks, **others))])
    assert len(relevant) + len(rest) == 1
    return [f"{finding.objects[0]}: {finding.evidence}" if finding.objects else "everybody" for finding in relevant]


@pytest.mark.parametrize(
    ("mark", "where"),
    [
        ("kind:VirtualService.networking.istio.io", "shop/VirtualService/shop: shop/VirtualService/shop is there"),
        (
            "field:VirtualService.networking.istio.io:spec.http[*].mirror",
            'shop/VirtualService/shop spec.http[0].mirror: spec.http[0].mirror: {"host":"b"}',
        ),
        (
            "field:VirtualService.networking.istio.io:spec.hosts[*]=[*].*",
            'shop/VirtualService/shop spec.hosts[0]: spec.hosts[0]: "*.shop.example"',
        ),
        (
            "flag:PILOT_X",
            "istio-system/Deployment/istiod-x spec.template.spec.containers[0].env[name=PILOT_X]: "
            'spec.template.spec.containers[0].env[name=PILOT_X]: {"name":"PILOT_X","value":"1"}',
        ),
        ("value:cni:cni.enabled=true", "istio-system/HelmRelease/istio-cni values.cni.enabled: values.cni.enabled: true"),
        ("mode:ambient", "istio-system/DaemonSet/ztunnel: istio-system/DaemonSet/ztunnel is there"),
    ],
)
def test_a_mark_is_seen_where_the_mesh_has_it(mark: str, where: str) -> None:
    case = mesh(SERVICE, ZTUNNEL, FLAG, cni={"cni": {"enabled": True}})
    assert found(case, mark) == [where]
    assert found(mesh(), mark) == []


@pytest.mark.parametrize(
    "mark",
    [
        "field:VirtualService.networking.istio.io:spec.hosts[*]=shop",
        "field:VirtualService.networking.istio.io:spec.tls",
        "value:istiod:cni.enabled",
        "value:cni:cni.enabled=false",
        "flag:PILOT",
        "something:else",
    ],
)
def test_a_near_miss_is_none(mark: str) -> None:
    assert found(mesh(SERVICE, ZTUNNEL, FLAG, cni={"cni": {"enabled": True}}), mark) == []


def test_a_flag_is_one_of_istiods() -> None:
    other = {**FLAG, "metadata": {**FLAG["metadata"], "labels": {"app": "shop"}}}
    assert found(mesh(other), "flag:PILOT_X") == []


def test_one_mark_is_enough_and_what_else_there_is_is_counted() -> None:
    second = {**SERVICE, "metadata": {"name": "other", "namespace": "shop"}}
    (only,) = found(mesh(SERVICE, second), "flag:PILOT_X", "kind:VirtualService.networking.istio.io")
    assert only == "shop/VirtualService/other: shop/VirtualService/other is there; and 1 more"


def test_what_concerns_every_mesh_is_told_where_it_asks_for_something() -> None:
    assert found(mesh(), kind="upgrade") == ["everybody"]
    assert found(mesh(), kind="change") == []


@pytest.mark.parametrize(
    ("installed", "target", "ids"),
    [
        ("1.26.0", "1.27.5", []),
        ("1.26.0", "1.27.6", ["note-1.27-n"]),
        ("1.26.0", "1.28.3", []),
        ("1.26.0", "1.28.4", ["note-1.28-n"]),
        ("1.27.5", "1.28.3", []),
        ("1.27.5", "1.28.4", ["note-1.28-n"]),
        ("1.27.6", "1.28.4", []),
        ("1.28.3", "1.28.4", ["note-1.28-n"]),
    ],
)
def test_a_back_ported_note_is_told_once_and_not_to_who_has_it(installed: str, target: str, ids: list[str]) -> None:
    lines = [line("1.27.9", note(kind="upgrade", since="1.27.6")), line("1.28.0", note(kind="upgrade", since="1.28.4"))]
    passed = [one for one in lines if one.version[:4] <= target[:4]]
    relevant, _ = relevant_notes(mesh(installed=installed, target=target), passed)
    assert [finding.id for finding in relevant] == ids


@lru_cache(maxsize=1)
def full_mesh() -> Case:
    return mesh(SERVICE, ZTUNNEL, FLAG, installed="1.18.0", target="1.31.0", istiod={"global": {"proxy": {}}})


def test_evidence_is_where_the_finding_says() -> None:
    case = full_mesh()
    relevant, rest = relevant_notes(case, facts_on_the_way(case.installed, case.target))
    assert len(relevant) > 5
    assert len(rest) > 50
    trees = {one["metadata"]["name"]: one for objects in case.objects.by_kind.values() for one in objects}
    for finding in relevant:
        assert finding.severity == "info"
        for place in finding.objects:
            resolve(trees[place.name], place.field)


@given(st.data())
def test_it_never_raises(data: st.DataObject) -> None:
    case = full_mesh()
    by_kind = {kind: tuple(map(copy.deepcopy, objects)) for kind, objects in case.objects.by_kind.items()}
    parts = tuple(msgspec.structs.replace(part, source=copy.deepcopy(part.source)) for part in case.parts)
    trees: list[Any] = [one for objects in by_kind.values() for one in objects] + [part.source for part in parts]
    for _ in range(data.draw(st.integers(1, 4))):
        spoil(data.draw(st.sampled_from(trees)), data)
    spoilt = msgspec.structs.replace(case, objects=MeshObjects(by_kind), parts=parts)
    relevant_notes(spoilt, facts_on_the_way(IstioVersion(1, 18, 0), IstioVersion(1, 31, 0)))
