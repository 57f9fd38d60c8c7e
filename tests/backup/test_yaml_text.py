"""Objects as YAML: read back to the same value by every dialect."""

from datetime import date
from typing import Any

import pytest
import yaml
import yaml12
from hypothesis import given
from hypothesis import strategies as st

from resail.backup.yaml_text import read_yaml_text, yaml_text
from tests.backup.backups import NASTY, TEXTS, VALUES


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_what_is_written_is_read_back_to_the_very_value(value: dict[str, Any]) -> None:
    text = yaml_text(value)
    again = read_yaml_text(text)
    assert again == value
    # True equals 1 and 1.0 for Python: the types are in the text.
    assert yaml_text(again) == text
    assert yaml.safe_load(text) == value
    if not _has_big_number(value):
        assert yaml12.parse_yaml(text) == value


def _has_big_number(value: Any) -> bool:
    """The reader of YAML 1.2 makes a float of what a signed integer does not hold."""
    match value:
        case dict():
            return any(map(_has_big_number, value.values()))
        case list():
            return any(map(_has_big_number, value))
        case _:
            return isinstance(value, int) and value >= 2**63


@pytest.mark.parametrize("text", NASTY)
def test_no_string_stands_bare_that_a_dialect_takes_for_something_else(text: str) -> None:
    written = yaml_text({"a": text}).removeprefix("a: ")
    assert written[0] in "'\"|" or written.strip() == text, written
    assert read_yaml_text(yaml_text({"a": text, text: [text, {text: text}]})) == {"a": text, text: [text, {text: text}]}


@pytest.mark.parametrize(
    "text", ["y", "n", "Y", "yes", "No", "on", "OFF", "True", "Null", "~", "1e3", "0o17", "1_0", "1:30", "2020-01-01"]
)
def test_what_kubectl_would_misread_is_quoted(text: str) -> None:
    """Its reader (goyaml v2 in sigs.k8s.io/yaml) takes ``y`` for true and ``1e3`` for a number; PyYAML does not."""
    assert yaml_text({"a": text}) == f"a: '{text}'\n"


def test_text_of_many_lines_is_written_line_by_line() -> None:
    assert yaml_text({"data": {"mesh": "a: 1\n\n# b\nc: [x]\n"}}) == "data:\n  mesh: |\n    a: 1\n\n    # b\n    c: [x]\n"


def test_keys_are_sorted_and_lists_stand_below_their_key() -> None:
    assert yaml_text({"b": [{"y": 1, "x": []}, [2]], "a": {}}) == "a: {}\nb:\n- x: []\n  'y': 1\n- - 2\n"


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [{', '.join(['*a' if n == 0 else f'*b{n - 1}'] * 9)}]\n" for n in range(30)),
        "a: &a\n- *a\n",
        "- " * 100_000 + "a\n",
        "a: " + "[" * 100_000,
        "a: !!python/object/apply:os.system [x]\n",
        "- 1\n",
        "a: 1\n---\nb: 1\n",
        "? [a]\n: 1\n",
        "",
        "a: 9" + "9" * 5000 + "\n",
        "\x00",
    ],
)
def test_what_is_not_one_plain_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        read_yaml_text(text)


@pytest.mark.parametrize(
    "value", [{1: "a"}, {True: "a"}, {None: "a"}, {"a": 2**64}, {"a": float("nan")}, {"a": b""}, {"a": date(2020, 1, 1)}]
)
def test_what_json_cannot_hold_is_neither_written_nor_read(value: Any) -> None:
    with pytest.raises(TypeError):
        yaml_text(value)
    with pytest.raises(ValueError, match="plain"):
        read_yaml_text(yaml.safe_dump(value))
