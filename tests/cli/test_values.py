"""The user's values, read as Helm reads them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.errors import ArtifactError, UsageError
from resail.models.rendering import ChartFacts
from resail.operations.values import for_charts, operator_with, read_operator, read_values


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("a=1", {"a": 1}),
        ("a.b.c=x", {"a": {"b": {"c": "x"}}}),
        ("a=1,b=true,c=null", {"a": 1, "b": True, "c": None}),
        ("tag=1.27", {"tag": "1.27"}),
        ("a=007", {"a": "007"}),
        ("a=", {"a": ""}),
        ("hub=localhost:5000/istio", {"hub": "localhost:5000/istio"}),
        ("a={x,2,true}", {"a": ["x", 2, True]}),
        ("a={}", {"a": []}),
        ("a[0].b=1,a[1].b=2", {"a": [{"b": 1}, {"b": 2}]}),
        (r"nodeSelector.kubernetes\.io/os=linux", {"nodeSelector": {"kubernetes.io/os": "linux"}}),
        (r"a=x\,y", {"a": "x,y"}),
        ("a.b=1,a=2", {"a": 2}),
        ("a=2,a.b=1", {"a": {"b": 1}}),
    ],
)
def test_settings(assignment: str, expected: dict[str, Any]) -> None:
    assert read_values([], [assignment]) == {"": expected}


def test_charts_have_their_own() -> None:
    assert read_values([], ["cni:cni.x=1", "y=2"]) == {"cni": {"cni": {"x": 1}}, "": {"y": 2}}


def test_later_files_and_then_settings_win(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("a: {x: 1, y: 1}\nb: [1, 2]\n")
    (tmp_path / "two.yaml").write_text("a: {y: 2}\nb: [3]\n")
    read = read_values([str(tmp_path / "one.yaml"), str(tmp_path / "two.yaml")], ["a.z=3"])
    assert read == {"": {"a": {"x": 1, "y": 2, "z": 3}, "b": [3]}}


def test_a_chart_may_be_named_before_a_file(tmp_path: Path) -> None:
    (tmp_path / "cni.yaml").write_text("x: 1\n")
    assert read_values([f"cni={tmp_path / 'cni.yaml'}"], []) == {"cni": {"x": 1}}
    with pytest.raises(UsageError, match="nix"):
        read_values(["nix=values.yaml"], [])


def test_what_is_global_goes_to_every_chart_that_knows_it() -> None:
    defaults: dict[str, dict[str, Any]] = {
        "istiod": {"global": {"hub": "", "tag": "", "proxy": {}}, "pilot": {}},
        "cni": {"global": {"hub": "", "tag": ""}},
        "base": {"global": {"istioNamespace": "istio-system"}},
        "ztunnel": {"hub": ""},
    }
    facts = {name: ChartFacts(name, "1.27.9", values) for name, values in defaults.items()}
    wishes = read_values([], ["global.hub=here,global.proxy.x=1,pilot.y=1", "cni:global.tag=own", "ztunnel:hub=there"])
    assert for_charts(wishes, facts) == {
        "istiod": {"global": {"hub": "here", "proxy": {"x": 1}}, "pilot": {"y": 1}},
        "cni": {"global": {"hub": "here", "tag": "own"}},
        "base": {"global": {}},
        "ztunnel": {"hub": "there"},
    }


@pytest.mark.parametrize("setting", ["a", "=1", "nix:a=1", "a..b=1", "a[2]=1", "a[0=1", ".a=1", ""])
def test_settings_that_are_none(setting: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_values([], [setting])
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a:\n\tb: 1\n", "line 2, column 1"),
        ("a:\n  b: 1\n  \tc: 2\n", "line 3, column 3"),
        ("a: [1\nb: 2\n", "line 2"),
    ],
)
def test_a_file_that_is_not_yaml_is_told_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_values([str(file)], [])
    assert str(file) in caught.value.on
    assert place in caught.value.on


def test_files_that_hold_no_values(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    for text in ("- 1\n", "just words\n"):
        file.write_text(text)
        with pytest.raises(UsageError, match="mapping"):
            read_values([str(file)], [])
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        read_values([str(file)], [])
    file.write_text("# nothing yet\n")
    assert read_values([str(file)], []) == {"": {}}
    with pytest.raises(ArtifactError):
        read_values([str(tmp_path / "none.yaml")], [])


@given(st.text())
def test_no_setting_brings_it_down(setting: str) -> None:
    try:
        read = read_values([], [setting])
    except UsageError:
        return
    assert read


@given(
    st.recursive(
        st.integers() | st.booleans() | st.none(),
        lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, min_size=1, max_size=3),
        max_leaves=6,
    )
)
def test_a_tree_set_leaf_by_leaf_is_the_tree(tree: Any) -> None:
    def leaves(path: str, node: Any) -> list[str]:
        if isinstance(node, dict):
            return [leaf for key, value in node.items() for leaf in leaves(f"{path}.{key}", value)]
        return [f"{path}={'null' if node is None else str(node).lower()}"]

    assert read_values([], leaves("root", tree)) == {"": {"root": tree}}


def test_an_istio_operator_is_told_by_its_kind_and_settings_are_for_it(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("kind: IstioOperator\nspec: {profile: demo, components: {cni: {enabled: true}}}\n")
    two.write_text("kind: IstioOperator\nspec: {components: {cni: {namespace: kube-system}}}\n")
    gateway = tmp_path / "gateway.yaml"
    gateway.write_text("x: 1\n")
    files = [str(one), str(two), f"gateway={gateway}"]
    settings = ["components.ingressGateways.[0].name=front,with-comma", "gateway:y=2"]
    given = read_operator(files, settings)
    assert given.files == {
        "kind": "IstioOperator",
        "spec": {"profile": "demo", "components": {"cni": {"enabled": True, "namespace": "kube-system"}}},
    }
    assert (given.settings, given.others) == (("components.ingressGateways.[0].name=front,with-comma",), ())
    assert read_values(files, settings) == {"gateway": {"x": 1, "y": 2}}
    assert given.files is not None
    spec = operator_with(given.files, given.settings)["spec"]
    assert spec["components"]["ingressGateways"] == [{"name": "front,with-comma"}]
    assert "ingressGateways" not in given.files["spec"]["components"], "what was read stays what it is"


def test_without_an_istio_operator_files_and_settings_are_values(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("pilot: {x: 1}\n")
    given = read_operator([str(values)], ["pilot.y=2"])
    assert (given.files, given.settings, given.others) == (None, ("pilot.y=2",), (str(values),))
    assert read_values([str(values)], ["pilot.y=2"]) == {"": {"pilot": {"x": 1, "y": 2}}}


@pytest.mark.parametrize("setting", ["meshConfig", "=x", "a..b=1"])
def test_a_setting_that_istioctl_would_not_take_is_refused(setting: str) -> None:
    with pytest.raises(UsageError):
        operator_with({"spec": {}}, [setting])
