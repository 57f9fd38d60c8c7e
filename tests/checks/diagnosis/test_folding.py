"""How signs become diagnoses, with signs that are made up."""

from collections.abc import Iterable
from functools import cache

from resail.checks.diagnosis.examination import examine
from resail.checks.diagnosis.sign import Place, Rule, Sign
from resail.checks.diagnosis.situation import Situation
from resail.models.diagnosis import Certainty, Diagnosis, Examination
from resail.models.finding import FindingObject
from tests.checks.diagnosis.mesh import plain
from tests.checks.diagnosis.test_examination import ids, situation_of


@cache
def healthy() -> Situation:
    return situation_of(plain())


def sign(name: str, place: str, explains: Iterable[str] = (), *, symptom: bool = False, certainty: Certainty = "certain") -> Sign:
    diagnosis = Diagnosis(
        id=name,
        certainty=certainty,
        cause=f"{name} is told",
        objects=(FindingObject("Deployment", "shop", place),),
        evidence=("seen",),
        undo=("mend it",),
    )
    return Sign(diagnosis=diagnosis, explains=frozenset(map(at, explains)), symptom=symptom)


def at(place: str) -> Place:
    return "Deployment", "shop", place


def told(*signs: Sign) -> Examination:
    return examine(healthy(), [Rule("made-up", lambda _: signs)])


def test_a_symptom_stands_with_its_cause() -> None:
    found = told(sign("late", "a", symptom=True), sign("why", "b", ["a"]))

    assert ids(found) == ["why"]
    assert found.diagnoses[0].effects == ("late is told",)


def test_a_symptom_that_nothing_explains_is_told_behind_causes() -> None:
    assert ids(told(sign("late", "a", symptom=True), sign("why", "b"))) == ["why", "late"]


def test_a_cause_is_never_an_effect() -> None:
    assert ids(told(sign("one", "a", ["a", "b"]), sign("other", "b", ["a", "b"]))) == ["one", "other"]


def test_a_symptom_of_a_symptom_stands_with_the_cause_of_both() -> None:
    found = told(
        sign("service", "s", symptom=True),
        sign("pods", "p", ["p", "s", "x"], symptom=True),
        sign("why", "w", ["p", "y", "z", "q"]),
    )

    assert ids(found) == ["why"]
    assert set(found.diagnoses[0].effects) == {"service is told", "pods is told"}


def test_of_several_causes_the_nearest_has_the_symptom() -> None:
    found = told(sign("far", "f", ["a", "b", "c"]), sign("near", "n", ["a"]), sign("late", "a", symptom=True))

    assert {one.id: one.effects for one in found.diagnoses} == {"near": ("late is told",), "far": ()}


def test_two_symptoms_that_explain_each_other_are_both_told() -> None:
    found = told(sign("one", "a", ["b"], symptom=True), sign("other", "b", ["a"], symptom=True))

    assert ids(found) == ["one", "other"]


def test_what_explains_more_comes_first() -> None:
    found = told(sign("little", "l"), sign("much", "m", ["a"]), sign("late", "a", symptom=True))

    assert ids(found) == ["much", "little"]


def test_what_is_certain_comes_before_what_explains_much() -> None:
    found = told(sign("maybe", "m", ["a"], certainty="likely"), sign("sure", "s"), sign("late", "a", symptom=True))

    assert ids(found) == ["sure", "maybe"]


def test_nothing_is_healthy() -> None:
    assert told().verdict == "healthy"
    assert told(sign("why", "a")).verdict == "ill"
