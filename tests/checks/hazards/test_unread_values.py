"""Which values to render a target without, how to tell that nothing changed, and what is said of those that nobody reads."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from resail.checks.hazards.assessment import assess
from resail.checks.hazards.case import Part
from resail.checks.hazards.catalogue import RULES
from resail.checks.hazards.values.idle import rendered_alike, unread_candidates, without
from resail.checks.hazards.values.leaves import leaves
from tests.checks.hazards.scenario import case_of, read

keys = st.text("ab/_", min_size=1, max_size=3)
trees = st.recursive(
    st.dictionaries(keys, st.integers() | st.lists(st.integers(), max_size=2), max_size=3),
    lambda inner: st.dictionaries(keys, inner | st.integers(), max_size=3),
    max_leaves=8,
)


@given(trees)
def test_without_takes_one_leaf_and_no_other(values: dict[str, Any]) -> None:
    all_leaves = [leaf for leaf in leaves(values) if leaf.value != {}]
    for gone in all_leaves:
        left = [leaf for leaf in leaves(without(values, gone.path)) if leaf.value != {}]
        assert left == [leaf for leaf in all_leaves if leaf != gone]


def test_a_key_with_dots_is_one_key() -> None:
    assert without({"podAnnotations": {"prometheus.io/scrape": "true", "a": "b"}}, "podAnnotations.prometheus.io/scrape") == {
        "podAnnotations": {"a": "b"}
    }


def part(chart: str, values: dict[str, Any], target: dict[str, Any] | None, running: dict[str, Any] | None = None) -> Part:
    source = {"apiVersion": "helm.sh/v3", "kind": "HelmRelease", "metadata": {"name": chart}, "values": values}
    return Part(chart=chart, method="helm", source=source, path="values", running_defaults=running, target_defaults=target)


def test_what_the_target_has_by_default_is_not_tried() -> None:
    assert unread_candidates(part("cni", {"chained": False, "old": 1}, {"chained": True})) == ("old",)


def test_the_form_with_a_prefix_is_known_by_the_one_without() -> None:
    values = {"cni": {"chained": False}, "pilot": {"chained": True}}
    assert unread_candidates(part("cni", values, {"chained": True})) == ("pilot.chained",)


def test_what_stands_in_a_mapping_that_is_empty_by_default_is_not_tried() -> None:
    values = {"pilot": {"env": {"PILOT_X": "1"}}, "podAnnotations": {"a": "b"}, "meshConfig": {"accessLogFile": "/dev/stdout"}}
    assert unread_candidates(part("istiod", values, {"env": {}, "podAnnotations": None, "meshConfig": {"a": 1}})) == ()


def test_an_empty_value_is_tried_only_if_it_overrode_a_default() -> None:
    values = {"labels": {}, "coreDump": False}
    assert unread_candidates(part("istiod", values, {}, {"coreDump": True})) == ("coreDump",)


def test_nothing_is_tried_while_the_target_is_unknown() -> None:
    assert unread_candidates(part("istiod", {"a": 1}, None)) == ()


def test_the_copy_of_the_values_does_not_count() -> None:
    def rendered(copied: str, image: str) -> list[dict[str, Any]]:
        copy = {"kind": "ConfigMap", "metadata": {"name": "values"}, "data": {"original-values": copied}}
        return [{"kind": "Deployment", "metadata": {"name": "istiod"}, "spec": {"image": image}}, copy]

    assert rendered_alike(rendered('{"a": 1}', "pilot"), rendered("{}", "pilot"))
    assert not rendered_alike(rendered("{}", "pilot"), rendered("{}", "other"))


async def told(**chart: Any) -> list[str]:
    raw = {"installed": "1.25.1", "target": "1.26.0", "found": [], "near_misses": [], "helm": {"cni": chart}}
    [rule] = [rule for rule in RULES if rule.hazard.id == "V2"]
    return [one.message for one in assess(await case_of(read(raw)), [rule]).findings]


async def test_a_value_under_another_name_is_told_with_that_name() -> None:
    [message] = await told(
        values={"rollingMaxUnavailable": 3},
        running_defaults={"rollingMaxUnavailable": 1},
        target_defaults={"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}}},
        idle=["rollingMaxUnavailable"],
    )
    assert message.endswith("without rollingMaxUnavailable; it reads updateStrategy.rollingUpdate.maxUnavailable")


async def test_a_value_that_may_have_moved_is_told_with_where() -> None:
    chart = {
        "values": {"agent": {"log": {"level": "debug"}}},
        "running_defaults": {"agent": {"log": {"level": "info"}}, "level": "a"},
        "idle": ["agent.log.level"],
    }
    [message] = await told(**chart, target_defaults={"global": {"log": {"level": "info"}}, "level": "a"})
    assert message == "chart cni of 1.26.0 renders the same without agent.log.level; new is global.log.level"
    # What merely ends in the same word is no place that it moved to.
    [message] = await told(**chart, target_defaults={"trace": {"level": "info"}, "level": "a"})
    assert message == "chart cni of 1.26.0 renders the same without agent.log.level"
