"""All rules over one situation: what explains the most comes first, and what is explained stands with what explains it."""

from collections.abc import Iterable, Sequence

import msgspec

from resail.checks.diagnosis.catalogue import RULES
from resail.checks.diagnosis.sign import Rule, Sign
from resail.checks.diagnosis.situation import Situation
from resail.checks.hazards.case import Unknown
from resail.models.diagnosis import Diagnosis, Examination
from resail.models.precheck import NotEvaluated

__all__ = ["examine"]

_CERTAINTIES = ("certain", "likely", "possible")


def examine(situation: Situation, rules: Sequence[Rule] = RULES) -> Examination:
    """What is wrong, the most probable cause first.

    By certainty; what is a cause before what only tells that something is not well; what explains more of what is seen before
    what explains less; and then in the order of the rules.
    """
    signs: list[Sign] = []
    unknown: set[NotEvaluated] = set(situation.unread)
    for rule in rules:
        try:
            signs += rule.find(situation)
        except Unknown as reason:
            unknown.add(NotEvaluated(rule.id, str(reason)))
    diagnoses = tuple(map(_told, _ranked(_folded(signs))))
    return Examination(verdict="ill" if diagnoses else "healthy", diagnoses=diagnoses, not_examined=tuple(sorted(unknown)))


class _Cause(msgspec.Struct, frozen=True):
    """A sign with those that it explains."""

    sign: Sign
    effects: tuple[Sign, ...]


def _folded(signs: Sequence[Sign]) -> list[_Cause]:
    causes = [sign for sign in signs if not sign.symptom]
    explained = frozenset(place for cause in causes for place in cause.explains)
    symptoms = [sign for sign in signs if sign.symptom]
    # A symptom may lead to others: the gateway has no pods, so its Service has no endpoints.
    heads = [sign for sign in symptoms if sign.place not in explained and not _explained_by_another(sign, symptoms)]
    return [_Cause(sign, _effects_of(sign, symptoms)) for sign in (*causes, *heads)]


def _explained_by_another(sign: Sign, symptoms: Iterable[Sign]) -> bool:
    return any(sign.place in other.explains and other.place not in sign.explains for other in symptoms if other is not sign)


def _effects_of(cause: Sign, symptoms: Sequence[Sign]) -> tuple[Sign, ...]:
    """Those that it explains, and those that these explain."""
    found: list[Sign] = []
    explained = set(cause.explains)
    while more := [one for one in symptoms if one is not cause and one not in found and one.place in explained]:
        found += more
        explained |= {place for one in more for place in one.explains}
    return tuple(found)


def _ranked(causes: Iterable[_Cause]) -> list[_Cause]:
    def weight(cause: _Cause) -> tuple[int, bool, int]:
        certainty = _CERTAINTIES.index(cause.sign.diagnosis.certainty)
        return certainty, cause.sign.symptom, -len(cause.effects)

    return sorted(causes, key=weight)


def _told(cause: _Cause) -> Diagnosis:
    own = cause.sign.diagnosis
    effects = dict.fromkeys((*own.effects, *(one.diagnosis.cause for one in cause.effects)))
    return msgspec.structs.replace(own, effects=tuple(effects))
