"""What is other in one release than in another."""

import pytest

from resail.models.release_facts import CrdFacts, ReleaseFacts
from resail.releases.difference import Change, difference
from resail.releases.facts import load_facts

NOTHING: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


def facts(**others: object) -> ReleaseFacts:
    given: dict[str, object] = {"values": {}, "flags": {}, "crds": {}, "profiles": (), "operator_fields": ()}
    return ReleaseFacts(**{"version": "1.1.0", "compatibility_versions": (), **given, **others})  # type: ignore[arg-type]


def changes(old: ReleaseFacts, new: ReleaseFacts) -> tuple[Change, ...]:
    return difference(old, new, NOTHING, ()).changes


@pytest.mark.parametrize("line", ["1.18", "1.24", "1.27", "1.31"])
def test_a_release_is_not_other_than_itself(line: str) -> None:
    one = load_facts(line)
    assert one is not None
    assert changes(one, one) == ()


def test_values() -> None:
    old = facts(
        values={
            "istiod": {"gone": 1, "pilot.env": {}, "pilot.image": "p", "kind": 5, "size": 1, "tag": "a", "free": {}, "x.y": 1}
        }
    )
    new = facts(
        values={"istiod": {"env": {}, "image": "q", "kind": "auto", "size": 2, "tag": "b", "free.below": 1, "x": {}, "new": None}}
    )
    assert changes(old, new) == (
        Change("value", "istiod", "gone", "gone", old="1"),
        Change("value", "istiod", "kind", "retyped", "5", '"auto"'),
        Change("value", "istiod", "pilot.env", "moved", new="env"),
        Change("value", "istiod", "pilot.image", "gone", old='"p"'),
        Change("value", "istiod", "size", "default", "1", "2"),
        Change("value", "istiod", "image", "new", new='"q"'),
        Change("value", "istiod", "new", "new", new="null"),
    )


def test_definitions() -> None:
    old = facts(
        crds={
            "a": CrdFacts("v1beta1", ("v1beta1",), {"f[*]": {"g": "string", "h": "string"}, "i": "", "j": "string"}),
            "b": CrdFacts("v1", ("v1",)),
        }
    )
    new = facts(
        crds={
            "a": CrdFacts("v1", ("v1", "v1beta1"), {"f[*]": {"g": "integer"}, "i": "string", "j": {"k": "string"}}),
            "c": CrdFacts("v1", ("v1",)),
        }
    )
    assert changes(old, new) == (
        Change("crd", "", "a", "versions", "v1beta1 (stored)", "v1 (stored), v1beta1"),
        Change("field", "a", "spec.f[*].g", "retyped", "string", "integer"),
        Change("field", "a", "spec.f[*].h", "gone"),
        Change("field", "a", "spec.j", "retyped", "string", "object"),
        Change("crd", "", "b", "gone", old="v1 (stored)"),
        Change("crd", "", "c", "new", new="v1 (stored)"),
    )


def test_flags_profiles_and_versions() -> None:
    old = facts(flags={"A": "1", "B": "2", "C": ""}, profiles=("x",), compatibility_versions=("1.9",))
    new = facts(flags={"B": "3", "C": "4", "D": "5"}, profiles=("y",), compatibility_versions=("1.10",))

    found = difference(old, new, (("1.9", "1.10"), ("1.10",)), ())
    assert found.changes == (
        Change("flag", "", "A", "gone", old="1"),
        Change("flag", "", "B", "default", "2", "3"),
        Change("flag", "", "D", "new", new="5"),
        Change("profile", "", "x", "gone"),
        Change("profile", "", "y", "new"),
        Change("compatibility version", "", "1.9", "gone"),
        Change("compatibility version", "", "1.10", "new"),
        Change("kubernetes", "", "1.9", "gone"),
    )


def test_what_one_does_not_tell_is_not_compared() -> None:
    old = facts(flags={"A": "1"})
    found = difference(old, facts(unknown=("flags", "notes")), NOTHING, ())
    assert found.changes == ()
    assert found.unknown == ("flags",)


def test_the_charts_lost_their_outer_level_in_1_24() -> None:
    old, new = load_facts("1.23"), load_facts("1.24")
    assert old is not None
    assert new is not None
    found = changes(old, new)
    assert Change("value", "cni", "cni.cniBinDir", "moved", new="cniBinDir") in found
    assert Change("value", "istiod", "pilot.autoscaleEnabled", "moved", new="autoscaleEnabled") in found
