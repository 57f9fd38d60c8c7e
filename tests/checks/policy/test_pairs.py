"""What runs in the place of what will be written."""

from typing import Any

import msgspec

from resail.checks.policy.pairs import pairs_of
from resail.models.identity import Manifest, ObjectRef
from tests.checks.hazards.scenario import case_of, read


def service(name: str, kind: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": "istio-system", "name": name},
        "spec": {"type": kind, "ports": [{"port": 443}]},
    }


async def paired(**scenario: Any) -> list[tuple[str, str, str]]:
    """Of each rendered Service: its name, and name and type of what runs."""
    case = await case_of(read({"installed": "1.26.0", "target": "1.27.9", "found": [], "near_misses": [], **scenario}))
    found = []
    for pair in pairs_of(case):
        running: dict[str, Any] = pair.running or {"metadata": {"name": ""}, "spec": {"type": ""}}
        found.append((pair.object["metadata"]["name"], running["metadata"]["name"], running["spec"]["type"]))
    return found


async def test_the_object_of_the_same_name_runs() -> None:
    charts = {
        "istiod": {"running": [service("istiod", "ClusterIP")], "rendered": [service("istiod", "new"), service("more", "new")]}
    }
    assert await paired(helm=charts) == [("istiod", "istiod", "ClusterIP"), ("more", "", "")]


async def test_what_the_cluster_has_wins_over_what_was_installed() -> None:
    charts = {"istiod": {"running": [service("istiod", "ClusterIP")], "rendered": [service("istiod", "new")]}}
    assert await paired(helm=charts, objects=[service("istiod", "NodePort")]) == [("istiod", "istiod", "NodePort")]


async def test_a_new_revision_is_compared_with_the_one_before() -> None:
    rendered = [service("istiod-1-27-9", "new"), service("istiod-1-27-9-extra", "new")]
    charts = {"istiod": {"running": [service("istiod", "ClusterIP")], "rendered": rendered}}
    assert await paired(helm=charts, new_revision="1-27-9") == [
        ("istiod-1-27-9", "istiod", "ClusterIP"),
        ("istiod-1-27-9-extra", "", ""),
    ]
    charts["istiod"]["running"] = [service("istiod-1-26-0", "ClusterIP"), service("istiod-1-26-0-extra", "NodePort")]
    others = [service("istiod", "Other"), service("istiod-1-25-0", "Other")]
    assert await paired(helm=charts, objects=others, revision="1-26-0", new_revision="1-27-9") == [
        ("istiod-1-27-9", "istiod-1-26-0", "ClusterIP"),
        ("istiod-1-27-9-extra", "istiod-1-26-0-extra", "NodePort"),
    ]


async def test_parts_of_one_rendering_are_told_once() -> None:
    charts = {"istiod": {"rendered": [service("istiod", "new")]}}
    case = await case_of(read({"installed": "1.26.0", "target": "1.27.9", "found": [], "near_misses": [], "helm": charts}))
    twice = msgspec.structs.replace(case, parts=(*case.parts, *case.parts))
    assert [ObjectRef.of(pair.object).name for pair in pairs_of(twice)] == ["istiod"]


async def test_what_was_not_rendered_is_not_judged() -> None:
    assert await paired(helm={"istiod": {"running": [service("istiod", "ClusterIP")]}}) == []
