"""Live custom resources tried against the CRDs of a target."""

import copy
from typing import Any

import msgspec
import pytest
from tests.checks.hazards.scenario import case_of, raw_scenarios, read

from resail.checks.hazards.case import Case, Part
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import MeshObjects
from resail.operations.replaying import replayed, replayed_by_schema

API = "networking.istio.io/v1"
CRD = "thresholds.networking.istio.io"


def definition(level: dict[str, Any], *, rules: list[dict[str, str]] | None = None, required: tuple[str, ...] = ()) -> Manifest:
    spec = {"type": "object", "properties": {"level": level, "name": {"type": "string"}}, "required": list(required)}
    schema = {"type": "object", "properties": {"spec": spec | ({"x-kubernetes-validations": rules} if rules else {})}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD},
        "spec": {
            "group": "networking.istio.io",
            "scope": "Namespaced",
            "names": {"plural": "thresholds", "singular": "threshold", "kind": "Threshold", "listKind": "ThresholdList"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def threshold(called: str, **spec: Any) -> Manifest:
    return {"apiVersion": API, "kind": "Threshold", "metadata": {"name": called, "namespace": "shop"}, "spec": spec}


RULE = {"rule": "!has(self.name) || self.name != 'forbidden'", "message": "this name is not allowed"}
INSTALLED = definition({"type": "integer"}, required=("level",))
TARGET = definition({"type": "integer", "maximum": 10}, rules=[RULE], required=("level",))
GOOD, HIGH, NAMED, OLD = (
    threshold("good", level=10, unknown="pruned"),
    threshold("high", level=11),
    threshold("named", level=1, name="forbidden"),
    threshold("old", name="of a time without levels"),
)
OBJECTS = [GOOD, HIGH, NAMED, OLD]


def by_name(definition: Manifest) -> dict[str, Manifest]:
    return {CRD: definition}


def test_a_schema_refuses_what_the_installed_one_takes() -> None:
    refusals, rest = replayed_by_schema(OBJECTS, by_name(INSTALLED), by_name(TARGET))

    [high] = refusals
    assert (high.ref, high.path) == (ObjectRef.of(HIGH), "spec.level")
    assert "10" in high.words
    assert rest == ("the programs of a control plane are not here, so rules in CEL were not evaluated: 1 new ones of Threshold")


def test_rules_that_the_installed_definition_has_are_no_news() -> None:
    assert replayed_by_schema(OBJECTS, by_name(TARGET), by_name(TARGET)) == ((), "")


def test_a_version_that_the_target_does_not_serve_is_not_tried() -> None:
    target = copy.deepcopy(TARGET)
    target["spec"]["versions"][0]["served"] = False

    assert replayed_by_schema(OBJECTS, by_name(INSTALLED), by_name(target)) == ((), "")


async def a_case(target: Manifest | None) -> Case:
    [scenario] = [read(raw) for name, number, raw in raw_scenarios() if (name, number) == ("N10", 0)]
    rendered = None if target is None else (target,)
    source = {"kind": "HelmRelease", "values": {}}
    return msgspec.structs.replace(
        await case_of(scenario),
        objects=MeshObjects.of([INSTALLED, *OBJECTS]),
        parts=(Part(chart="base", method="helm", source=source, path="values", rendered=rendered),),
    )


async def test_without_a_rendered_target_nothing_is_tried() -> None:
    assert (await replayed(await a_case(None), print)).refusals is None


async def test_a_definition_that_stays_as_it_is_needs_no_trial() -> None:
    told: list[str] = []

    case = await replayed(await a_case(INSTALLED), told.append)

    assert (case.refusals, case.unreplayed, told) == ((), "", [])


@pytest.mark.bed
async def test_an_api_server_evaluates_the_rules_too() -> None:
    case = await replayed(await a_case(TARGET), print)

    assert case.unreplayed == ""
    assert case.refusals is not None
    assert [(one.ref.name, one.path) for one in case.refusals] == [("high", "spec.level"), ("named", "spec")]
    assert "this name is not allowed" in case.refusals[1].words
