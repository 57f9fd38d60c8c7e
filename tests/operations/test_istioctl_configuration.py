"""With which IstioOperator a mesh was installed: proven, never guessed."""

import asyncio
from typing import Any

import pytest
from tests.plan.charts import installed
from tests.plan.meshes import mesh
from tests.plan.operators import component_parts, control_plane, default_tag, generate, installed_components, operator

from resail.errors import UsageError
from resail.models.finding import Finding
from resail.models.identity import Manifest
from resail.models.rendering import IstioctlRequest
from resail.models.snapshot import MeshSnapshot
from resail.operations.istioctl_configuration import proven_configurations
from resail.operations.values import GivenOperator
from resail.plan.selection import select
from resail.plan.stages import Configurations

OLD = "1.26.0"
OPERATOR = operator("cni", gateways=("ingressgateway",), meshConfig={"accessLogFile": "/dev/stdout"})


def a_mesh(configuration: dict[str, Any], **more: Any) -> MeshSnapshot:
    components = installed_components(configuration, OLD)
    parts, workloads = component_parts(components)
    fields: dict[str, Any] = {
        "tags": (default_tag(OLD),),
        "components": parts,
        "helm_releases": (),
        "istioctl_components": components,
        "control_planes": (control_plane(OLD),),
    }
    return mesh(*workloads, **{**fields, **more})


def proven(snapshot: MeshSnapshot, given: GivenOperator) -> tuple[Configurations, tuple[Finding, ...]]:
    async def small_istioctl(request: IstioctlRequest) -> tuple[Manifest, ...]:
        return generate(request)

    return asyncio.run(proven_configurations(snapshot, select(snapshot, ""), given, small_istioctl))


def test_the_file_that_gives_what_runs_is_proven() -> None:
    configurations, findings = proven(a_mesh(OPERATOR), GivenOperator(OPERATOR))
    assert findings == ()
    assert configurations.wished["spec"] == configurations.known["default", OLD]["spec"] == OPERATOR["spec"]


def test_what_differs_is_named_with_object_and_field() -> None:
    _, (finding,) = proven(a_mesh(OPERATOR), GivenOperator(operator("cni", gateways=("ingressgateway",))))
    assert (finding.id, finding.severity) == ("istioctl-configuration-unknown", "blocker")
    assert [(one.kind, one.name, one.field) for one in finding.objects] == [
        ("ConfigMap", "istio-sidecar-injector", "data.values")
    ]
    assert "-f" in finding.fix


def test_nothing_given_is_the_default_and_is_proven_likewise() -> None:
    plain: dict[str, Any] = {"kind": "IstioOperator", "spec": {}}
    assert proven(a_mesh(plain), GivenOperator())[1] == ()
    assert proven(a_mesh(OPERATOR), GivenOperator())[1] != ()


def test_a_component_more_or_less_than_runs_is_not_passed_over() -> None:
    more = operator("cni", "ztunnel", gateways=("ingressgateway",), meshConfig={"accessLogFile": "/dev/stdout"})
    _, (finding,) = proven(a_mesh(OPERATOR), GivenOperator(more))
    assert [(one.name, one.field) for one in finding.objects] == [("ztunnel", "(not there)")]
    fewer = operator("cni", meshConfig={"accessLogFile": "/dev/stdout"})
    _, (finding,) = proven(a_mesh(OPERATOR), GivenOperator(fewer))
    assert {one.field for one in finding.objects} == {"(not rendered)"}


@pytest.mark.parametrize("then", [True, False])
def test_settings_are_of_the_installation_or_of_the_target_whichever_gives_what_runs(then: bool) -> None:
    file = operator("cni", gateways=("ingressgateway",))
    setting = ("meshConfig.accessLogFile=/dev/stdout",)
    configurations, findings = proven(a_mesh(OPERATOR if then else file), GivenOperator(file, setting))
    assert findings == ()
    assert configurations.wished["spec"]["meshConfig"] == {"accessLogFile": "/dev/stdout"}
    assert configurations.known["default", OLD]["spec"].get("meshConfig") == ({"accessLogFile": "/dev/stdout"} if then else None)


def test_what_does_not_fit_the_mesh_is_refused() -> None:
    helms = mesh(helm_releases=(installed("istiod", "istiod", OLD),))
    with pytest.raises(UsageError, match="istioctl installed no part"):
        proven(helms, GivenOperator(OPERATOR))
    with pytest.raises(UsageError, match="this is no IstioOperator"):
        proven(a_mesh(OPERATOR), GivenOperator(OPERATOR, (), ("values.yaml",)))


def test_of_a_mesh_of_helm_nothing_is_asked() -> None:
    helms = mesh(helm_releases=(installed("istiod", "istiod", OLD),))
    assert proven(helms, GivenOperator(None, ("pilot.x=1",), ("values.yaml",))) == (Configurations(), ())


def test_a_part_by_istioctl_beside_an_istiod_by_helm() -> None:
    """Settings are for the chart of istiod, unless an IstioOperator is given."""
    only_cni = operator("cni", "no-base", "no-pilot")
    snapshot = a_mesh(only_cni, helm_releases=(installed("istiod", "istiod", OLD),), control_planes=mesh().control_planes)
    assert proven(snapshot, GivenOperator(only_cni))[1] == ()
    configurations, findings = proven(snapshot, GivenOperator(only_cni, ("meshConfig.a=1",)))
    assert (configurations.wished["spec"]["meshConfig"], findings) == ({"a": 1}, ())
