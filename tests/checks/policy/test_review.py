"""What rules say, where they look, and that what they cannot tell is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.checks.policy.pairs import Pair
from resail.checks.policy.places import anchor
from resail.checks.policy.review import review
from resail.checks.policy.rules import built_in_rules
from resail.errors import UsageError
from resail.models.finding import Finding, FindingObject
from resail.models.plan import NoUndo, Step, Verify
from resail.models.policy import Rule

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"namespace": "shop", "name": "web"},
    "spec": {"type": "NodePort", "ports": [{"name": "http", "port": 80}, {"name": "admin", "port": 9000}]},
}
FINDING = Finding("N10", "warning", "connections to port 1 will go to port 2", (FindingObject("ServiceEntry", "shop", "db"),))
STEPS: tuple[Step, ...] = tuple(
    Verify(id=f"{number:02}-verify", title="Verify", reason="to know", undo=NoUndo("it only reads"), ready_timeout=timeout)
    for number, timeout in enumerate((600, 7200))
)


def rule(expression: str, **others: Any) -> Rule:
    return Rule(**{"id": "mine", "severity": "blocker", "message": "it is so", "expression": expression, **others})


def test_a_rule_finds_each_field_that_it_does_not_hold_for() -> None:
    mine = rule("value < 1024", field="spec.ports[*].port", match=("Service",), fix="take another", source="https://example.com/")
    assert review([Pair(SERVICE)], (), (), [mine]) == (
        Finding(
            id="policy/mine",
            severity="blocker",
            message="it is so",
            objects=(FindingObject("Service", "shop", "web", "spec.ports[name=admin].port"),),
            evidence="spec.ports[name=admin].port: 9000",
            fix="take another",
            source="https://example.com/",
        ),
    )


def test_a_rule_may_judge_the_whole_object_and_what_runs() -> None:
    mine = rule("running == null || object.spec.type == running.spec.type")
    assert review([Pair(SERVICE), Pair(SERVICE, SERVICE)], (), (), [mine]) == ()
    other = {**SERVICE, "spec": {"type": "ClusterIP"}}
    [found] = review([Pair(SERVICE, other)], (), (), [mine])
    assert found.objects == (FindingObject("Service", "shop", "web"),)
    assert found.evidence == f"not true of it: {mine.expression}"


@pytest.mark.parametrize(("kinds", "found"), [(("Service",), 1), (("Service.apps",), 0), (("Deployment", "Service"), 1), ((), 1)])
def test_a_rule_is_for_the_kinds_that_it_names(kinds: tuple[str, ...], found: int) -> None:
    assert len(review([Pair(SERVICE)], [FINDING], STEPS, [rule("false", match=kinds)])) == found


def test_a_kind_may_be_named_with_its_group() -> None:
    gateways = [
        Pair({"apiVersion": f"{group}/v1", "kind": "Gateway", "metadata": {"name": group}})
        for group in ("networking.istio.io", "gateway.networking.k8s.io")
    ]
    [found] = review(gateways, (), (), [rule("false", match=("Gateway.networking.istio.io",))])
    assert found.objects[0].name == "networking.istio.io"


def test_findings_are_judged() -> None:
    mine = rule("finding.severity == 'info'", about="finding", match=("N10",))
    [found] = review((), [FINDING, Finding("N11", "warning", "")], (), [mine])
    assert found.objects == FINDING.objects
    mine = rule("finding.objects.all(one, one.namespace != 'shop')", about="finding", field="objects[*].kind")
    [found] = review((), [FINDING], (), [mine])
    assert found.evidence == 'objects[name=db].kind: "ServiceEntry"'


def test_steps_are_judged() -> None:
    mine = rule("value <= 3600", about="step", match=("Verify",), field="ready_timeout")
    [found] = review((), (), STEPS, [mine])
    assert found.objects == (FindingObject("Plan", "", "plan", "steps[1].ready_timeout"),)
    assert found.evidence == "ready_timeout: 7200"


def test_what_is_lost_is_found_where_it_is_missing() -> None:
    mine = rule("value != null", field="spec.ports[*]", lost=True)
    less = {**SERVICE, "spec": {"type": "NodePort", "ports": SERVICE["spec"]["ports"][:1]}}  # type: ignore[index]
    assert review([Pair(SERVICE, SERVICE), Pair(SERVICE, less)], (), (), [mine]) == ()
    [found] = review([Pair(less, SERVICE)], (), (), [mine])
    assert found.objects[0].field == "spec.ports"
    assert found.evidence == 'there is no spec.ports[name=admin]; what runs has {"name":"admin","port":9000}'


def test_members_of_lists_are_compared_by_name() -> None:
    turned = {**SERVICE, "spec": {"type": "NodePort", "ports": SERVICE["spec"]["ports"][::-1]}}  # type: ignore[index]
    mine = rule("value == running_value", field="spec.ports[*].port")
    assert review([Pair(SERVICE, turned)], (), (), [mine]) == ()


def test_members_without_a_name_of_their_own_keep_their_place() -> None:
    value = {"kind": "X", "list": [{"name": "a", "x": 1}, {"name": "a", "x": 2}, {"name": "]", "x": 3}, 4]}
    [found] = review([Pair(value)], (), (), [rule("value == 1", field="list[*].x", id="one")])[:1]
    paths = [one.objects[0].field for one in review([Pair(value)], (), (), [rule("value == 1", field="list[*].x")])]
    assert paths == ["list[1].x", "list[2].x"]
    assert found.id == "policy/one"


def test_keys_that_look_like_places_in_lists_are_keys() -> None:
    value = {"kind": "X", "metadata": {"name": "x", "annotations": {"a[0]b": "1", "a[1]": "1"}}}
    found = review([Pair(value, value)], (), (), [rule("value == running_value && value != '1'", field="metadata.annotations.*")])
    assert [one.objects[0].field for one in found] == ["metadata.annotations.a[0]b", "metadata.annotations.a[1]"]


def test_the_nearest_field_above_is_an_anchor() -> None:
    assert anchor(SERVICE, "spec.ports[name=none].port") == "spec.ports"
    assert anchor(SERVICE, "status.loadBalancer") == ""
    assert anchor(SERVICE, "spec.type") == "spec.type"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("object.spec.clusterIP == ''", "clusterIP"),
        ("object.spec.ports[7].port == 1", "index"),
        ("object.spec.type", "not true or false"),
        ("object.spec.type > 1", "overload"),
    ],
)
def test_what_cannot_be_evaluated_is_told_and_not_guessed(expression: str, words: str) -> None:
    other = {**SERVICE, "metadata": {"namespace": "shop", "name": "api"}}
    [found] = review([Pair(SERVICE), Pair(other)], (), (), [rule(expression)])
    assert (found.id, found.severity) == ("policy-not-evaluated", "warning")
    assert [one.name for one in found.objects] == ["web", "api"]
    assert words in found.evidence
    assert "mine" in found.message


def test_what_cannot_be_told_of_one_field_hides_nothing_of_another() -> None:
    odd = {**SERVICE, "spec": {"ports": [{"name": "a"}, {"name": "b", "port": 9000}]}}
    untold, found = review([Pair(odd)], (), (), [rule("value.port < 1024", field="spec.ports[*]")])
    assert (untold.id, untold.objects[0].field) == ("policy-not-evaluated", "spec.ports[name=a]")
    assert (found.id, found.objects[0].field) == ("policy/mine", "spec.ports[name=b]")


@pytest.mark.parametrize(
    ("expression", "place", "words"),
    [
        ("object.spec.type ==", "line 1, column 20", "mismatched input"),
        ("object.spec.type == 'a' &&\n  nothing", "line 2, column 3", "undeclared reference to 'nothing'"),
        ("step.id == 'a'", "line 1, column 5", "undeclared reference"),
        ("'a'", "", "string, not true or false"),
        ("size(object)", "", "int, not true or false"),
        ("(" * 500 + "true" + ")" * 500, "", "recursion"),
    ],
)
def test_an_expression_that_is_none_names_rule_and_position(expression: str, place: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        review((), (), (), [rule(expression)])
    assert caught.value.on.startswith("rule mine")
    assert place in caught.value.on
    assert words in caught.value.what
    assert "\n" not in caught.value.what


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(["name", "spec", "image"]), inner, max_size=3)
    ),
    max_leaves=10,
)
kinds = st.sampled_from(["Deployment", "DaemonSet", "Service", "ServiceAccount", "ConfigMap"])


@st.composite
def odd_objects(draw: st.DrawFn) -> dict[str, Any]:
    """Of a kind that the rules look at, and spoiled somewhere."""
    container = st.fixed_dictionaries(
        {},
        optional={
            "name": json,
            "image": json,
            "resources": json,
            "securityContext": json | st.fixed_dictionaries({"capabilities": json}),
        },
    )
    pod = st.fixed_dictionaries({}, optional={"containers": json | st.lists(container, max_size=2), "imagePullSecrets": json})
    spec = json | st.fixed_dictionaries({"template": st.fixed_dictionaries({"spec": json | pod})})
    return {
        "apiVersion": "v1",
        "kind": draw(kinds),
        "metadata": {"name": draw(st.text())},
        "spec": draw(spec),
        "data": draw(json | st.fixed_dictionaries({"values": json})),
        "imagePullSecrets": draw(json),
    }


@given(odd_objects(), st.none() | odd_objects())
def test_no_object_makes_a_built_in_rule_raise(target: dict[str, Any], running: dict[str, Any] | None) -> None:
    for found in review([Pair(target, running)], (), (), built_in_rules()):
        assert found.id == "policy-not-evaluated" or found.evidence
