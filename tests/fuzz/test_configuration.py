"""Values files and settings as people and other programs may write them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import strategies as st

from resail.errors import ArtifactError, UsageError
from resail.operations.values import read_values
from tests.fuzz.mutations import ODD, spoiled_bytes
from tests.fuzz.verdict import few_and_many

VALID = b"""\
# as for the istiod chart
revision: 1-27-9
global: &global
  hub: docker.io/istio
  tag: "1.27.9"
  proxy: {resources: {requests: {cpu: 100m, memory: 128Mi}}, privileged: false}
pilot:
  env: {PILOT_ENABLE_STATUS: "true", N: 3, F: 1.5e3, D: 2026-01-31, X: 0x1F, E: }
  tolerations: [{key: a, operator: Exists}, *tolerated]
  <<: *global
meshConfig: |
  accessLogFile: /dev/stdout
  trustDomain: >-
    cluster.local
""".replace(b", *tolerated", b"")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("values")


def readable(place: Path, data: bytes) -> None:
    """It is read as what JSON can hold, or refused as the user's mistake."""
    file = place / "values.yaml"
    file.write_bytes(data)
    try:
        values = read_values([str(file)], [])
    except UsageError as error:
        assert error.on.startswith(str(file))
        assert error.next_step
        return
    assert msgspec.json.decode(msgspec.json.encode(values)) == values


def laughs(depth: int, width: int, form: str) -> bytes:
    """A "billion laughs" of so many levels."""
    lines = [f"a0: &a0 {form % 'x: lol' if '{' in form else '[lol]'}"]
    for level in range(1, depth + 1):
        inner = ",".join([f"*a{level - 1}"] * width)
        lines.append(f"a{level}: &a{level} " + (f"{{<<: [{inner}]}}" if "{" in form else f"[{inner}]"))
    return "\n".join(lines).encode()


NASTY = [
    b"\x00",
    b"a: \x00",
    b"\xff\xfea\x00",
    b"\xed\xa0\x80: surrogate",
    b"a:\n\tb: 1",
    b"a: " + b"9" * 5000,
    b"a: 18446744073709551616",
    b"a: .nan",
    b"a: -.inf",
    b"a: 0b_",
    b"a: !!timestamp x",
    b"a: !!int x",
    b"a: !!binary '***'",
    b"a: !!set {b, c}",
    b"a: !!python/object/apply:os.system [id]",
    b"? [a]\n: 1",
    b"? {a: 1}\n: 1",
    b"~: 1",
    b"1.5: 1",
    b"a: &a [*a, *a]",
    b"a: &a {<<: *a}",
    b"a: &a {b: *a}",
    b"a: *nobody",
    b"<<: 1",
    b"---\na: 1\n---\nb: 2",
    b"%YAML 9.9\n---\na: 1",
    b"[" * 100_000,
    b"- " * 100_000,
    b"{a: " * 500 + b"1" + b"}" * 500,
    laughs(30, 9, "[%s]"),
    laughs(30, 9, "{%s}"),
    laughs(300, 1, "[%s]"),
]


@pytest.mark.parametrize("data", NASTY, ids=range(len(NASTY)))
def test_what_is_known_to_be_nasty(place: Path, data: bytes) -> None:
    readable(place, data)
    with pytest.raises(UsageError):
        read_values([str(place / "values.yaml")], [])


def test_aliases_are_fine_where_they_are_few(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_bytes(laughs(3, 9, "[%s]"))
    assert len(read_values([str(tmp_path / "values.yaml")], [])[""]["a3"]) == 9


def written(place: Path, value: Any) -> None:
    """What is odd, as YAML has it."""
    readable(place, yaml.safe_dump({"a": value, "b": {"c": [value]}}, allow_unicode=True).encode())


def set_to(place: Path, setting: str) -> None:
    del place
    try:
        values = read_values([], [setting])
    except (UsageError, ArtifactError) as error:
        assert error.next_step
        return
    assert msgspec.json.decode(msgspec.json.encode(values)) == values


SETTINGS = st.text(st.sampled_from("ab.[]{}=,:\\019-\x00\n\u00fc"), max_size=24)

test_a_spoiled_file, test_many_spoiled_files = few_and_many(spoiled_bytes(VALID), few=150)(readable)
test_an_odd_value, test_many_odd_values = few_and_many(st.sampled_from(ODD[:5] + ODD[7:]), few=len(ODD))(written)
test_a_setting, test_many_settings = few_and_many(SETTINGS, few=150)(set_to)
