"""What the rules of values say while they cannot know: that they do not, and never that there is nothing."""

from typing import Any

import pytest

from resail.checks.hazards.assessment import assess
from resail.checks.hazards.catalogue import RULES
from tests.checks.hazards.scenario import case_of, raw_scenarios, read

HOP: dict[str, Any] = {"installed": "1.24.0", "target": "1.25.1", "found": [], "near_misses": []}
DAEMON_SET = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "ztunnel", "namespace": "istio-system"}}


def agent(seconds: int) -> dict[str, Any]:
    return {**DAEMON_SET, "spec": {"template": {"spec": {"terminationGracePeriodSeconds": seconds}}}}


def operator(spec: dict[str, Any]) -> dict[str, Any]:
    """An entry with an IstioOperator and what istioctl has installed, of the first scenario of V1."""
    first = next(raw for name, number, raw in raw_scenarios() if (name, number) == ("V1", 0))
    return {"base": False, "objects": first["objects"], "operator": {**first["operator"], "spec": spec}}


@pytest.mark.parametrize(
    ("name", "entry", "reason"),
    [
        ("V1", operator({"profile": "demo"}), "istioctl 1.25.1 was not asked, and which fields it knows is not known"),
        ("V2", {"helm": {"cni": {"values": {"a": 1}}}}, "what chart cni of the target has by default is not known"),
        ("V2", {"helm": {"cni": {"values": {"a": 1}, "refusal": "no such value"}}}, "no such value"),
        (
            "V2",
            {"helm": {"cni": {"values": {"a": 1}, "target_defaults": {}}}},
            "chart cni of the target was not rendered without a",
        ),
        (
            "V6",
            {"target": "1.99.0", "helm": {"cni": {"values": {"compatibilityVersion": "1.24"}}}},
            "which compatibility versions 1.99.0 has is not known",
        ),
        ("V7", {"helm": {"cni": {"values": {"profile": "demo"}}}}, "which profiles 1.25.1 has is not known"),
        ("V7", {"helm": {"cni": {"values": {"global": {"platform": "gke"}}}}}, "which profiles 1.25.1 has is not known"),
        (
            "V8",
            {"helm": {"istiod": {"values": {"env": {"PILOT_X": "1"}}}}, "facts": {"running": {"flags": {}}}},
            "which environment variables 1.24.0 and 1.25.1 read is not known",
        ),
        ("V11", {"helm": {"ztunnel": {"running": [agent(5)]}}}, "chart ztunnel of the target was not rendered"),
        (
            "V11",
            {"helm": {"ztunnel": {"running": [agent(5)], "rendered": [agent(30)], "target_defaults": {}}}},
            "what chart ztunnel of both releases has by default is not known",
        ),
    ],
)
async def test_what_cannot_be_told_is_said_so(name: str, entry: dict[str, Any], reason: str) -> None:
    [rule] = [rule for rule in RULES if rule.hazard.id == name]
    assessed = assess(await case_of(read({**HOP, **entry})), [rule])
    assert assessed.findings == ()
    assert [(one.id, one.reason) for one in assessed.not_evaluated] == [(name, reason)]


@pytest.mark.parametrize("name", ["V1", "V2", "V6", "V7", "V8", "V11"])
async def test_who_has_set_nothing_need_know_nothing(name: str) -> None:
    [rule] = [rule for rule in RULES if rule.hazard.id == name]
    assessed = assess(await case_of(read(HOP)), [rule])
    assert (assessed.findings, assessed.not_evaluated) == ((), ())
