"""What holds for every rule: its facts are whole, and it never raises, whatever the objects look like."""

import asyncio
import copy
from functools import lru_cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.checks.hazards.assessment import assess
from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.catalogue import RULES
from resail.checks.hazards.hazard import GATES, UNDO, Rule
from resail.checks.hazards.parts import parts_of
from resail.checks.hazards.span import within
from resail.models.identity import IstioVersion
from resail.models.mesh_objects import MeshObjects
from resail.models.snapshot import MeshSnapshot
from tests.checks.hazards.any_snapshot import snapshots
from tests.checks.hazards.scenario import case_of, raw_scenarios, read

IDS = [rule.hazard.id for rule in RULES]

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70000) | st.text(max_size=6) | st.sampled_from(["", "*", "1.2.3", "a: [", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@lru_cache(maxsize=1)
def cases() -> tuple[Case, ...]:
    return tuple(asyncio.run(case_of(read(raw))) for _, _, raw in raw_scenarios())


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_its_facts_are_whole(rule: Rule) -> None:
    hazard = rule.hazard
    assert IDS.count(hazard.id) == 1
    for span in (hazard.installed, hazard.target):
        within(IstioVersion(1, 26, 0), span)
    assert set(hazard.gates) <= GATES.keys()
    assert hazard.undo
    assert set(hazard.undo) <= UNDO.keys()
    assert all(source.startswith("https://") for source in hazard.sources)
    assert hazard.sources
    assert all((hazard.title, hazard.detection, hazard.effect, hazard.fix, hazard.methods, hazard.modes, hazard.strategies))
    assert hazard.proof == "provable" or hazard.severity != "blocker"


def test_no_row_of_the_facts_is_missing() -> None:
    """81 were collected and checked; what we compute besides has names in kebab-case."""
    rows = {name for name in IDS if name.isupper()}
    letters = {"V": 11, "O": 11, "W": 10, "D": 16, "K": 8, "N": 15}
    expected = {f"{letter}{number}" for letter, count in letters.items() for number in range(1, count + 1)}
    assert rows == expected | {f"C{number}" for number in range(2, 12)}
    assert len(rows) == 81


@given(st.data())
def test_no_rule_raises(data: st.DataObject) -> None:
    spoilt = spoilt_case(data)
    for rule in RULES:
        try:
            list(rule.find(spoilt))
        except Unknown:
            continue


@given(snapshots(), st.data())
def test_no_rule_raises_on_any_snapshot(snapshot: MeshSnapshot, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(cases()))
    parts = parts_of(snapshot) if data.draw(st.booleans()) else case.parts
    other = msgspec.structs.replace(case, snapshot=snapshot, parts=parts)
    assess(other, RULES)
    for rule in RULES:
        try:
            list(rule.find(other))
        except Unknown:
            continue


def spoilt_case(data: st.DataObject) -> Case:
    """The case of a scenario, with something else in some places of its objects and values."""
    case = data.draw(st.sampled_from(cases()))
    by_kind = {kind: tuple(map(copy.deepcopy, objects)) for kind, objects in case.objects.by_kind.items()}
    parts = tuple(msgspec.structs.replace(part, source=copy.deepcopy(part.source)) for part in case.parts)
    trees: list[Any] = [one for objects in by_kind.values() for one in objects] + [part.source for part in parts]
    for _ in range(data.draw(st.integers(1, 4))):
        spoil(data.draw(st.sampled_from(trees)), data)
    return msgspec.structs.replace(case, objects=MeshObjects(by_kind, case.objects.unread), parts=parts)


def spoil(tree: Any, data: st.DataObject) -> None:
    """Put something else in the place of one field; kinds, names and namespaces stay, as the API server sees to these."""
    node, key = tree, data.draw(st.sampled_from([key for key in tree if key not in ("apiVersion", "kind")]))
    while isinstance(node[key], dict | list) and node[key] and data.draw(st.integers(0, 4)):
        node = node[key]
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
    if (node is tree and key == "metadata") or key in ("name", "namespace"):
        return
    node[key] = data.draw(anything)
