"""All rules over one situation: what explains the most comes first, and what is explained stands with what explains it."""

from collections.abc import Iterable, Sequence

import msgspec

from resail.checks.diagnosis.catalogue import RULES
from resail.checks.diagnosis.sign import Rule, Sign
from resail.checks.diagnosis.situation import Situation
from resail.checks.diagnosis.struck_hazards import struck_hazards
from resail.checks.hazards.case import Unknown
from resail.models.diagnosis import Diagnosis, Examination
from resail.models.precheck import NotEvaluated
from resail.models.redaction import redacted_text

__all__ = ["examine"]

_CERTAINTIES = ("certain", "likely", "possible")


def examine(situation: Situation, rules: Sequence[Rule] = RULES) -> Examination:
    """What is wrong, the most probable cause first.

    By certainty; what is a cause before what only tells that something is not well; what explains more of what is seen before
    what explains less; and then in the order of the rules. Hazards of the last upgrade come behind all of these.
    """
    signs: list[Sign] = []
    unknown: set[NotEvaluated] = set(situation.unread)
    for rule in rules:
        try:
            signs += rule.find(situation)
        except Unknown as reason:
            unknown.add(NotEvaluated(rule.id, str(reason)))
    signs += struck_hazards(situation, tuple(signs))
    diagnoses = tuple(map(_told, _ranked(_folded(signs))))
    return Examination(verdict="ill" if diagnoses else "healthy", diagnoses=diagnoses, not_examined=tuple(sorted(unknown)))


class _Cause(msgspec.Struct, frozen=True):
    """A sign with those that it explains."""

    sign: Sign
    effects: tuple[Sign, ...]


def _folded(signs: Sequence[Sign]) -> list[_Cause]:
    """Each symptom with whatever explains it; of several that do, with those that explain the least besides."""
    above = {number: _explained_by(sign, signs) for number, sign in enumerate(signs) if sign.symptom}
    heads = [number for number in range(len(signs)) if not above.get(number)]

    def roots(number: int) -> set[int]:
        # A symptom may lead to others: a gateway without pods to its Service.
        return {root for one in above[number] for root in roots(one)} if above.get(number) else {number}

    effects: dict[int, list[Sign]] = {number: [] for number in heads}
    for number in above:
        for root in sorted(roots(number) - {number}):
            effects[root].append(signs[number])
    return [_Cause(signs[number], tuple(effects[number])) for number in heads]


def _explained_by(symptom: Sign, signs: Sequence[Sign]) -> list[int]:
    """Of symptoms only those that explain more than this one does, so that no two explain each other."""
    found = [
        number
        for number, one in enumerate(signs)
        if one is not symptom
        and symptom.place in one.explains
        and not (one.symptom and (one.place in symptom.explains or len(one.explains) <= len(symptom.explains)))
    ]
    least = min((len(signs[number].explains) for number in found), default=0)
    return [number for number in found if len(signs[number].explains) == least]


def _ranked(causes: Iterable[_Cause]) -> list[_Cause]:
    def weight(cause: _Cause) -> tuple[int, bool, int]:
        certainty = _CERTAINTIES.index(cause.sign.diagnosis.certainty)
        return certainty, cause.sign.symptom, -len(cause.effects)

    return sorted(causes, key=weight)


def _told(cause: _Cause) -> Diagnosis:
    own = cause.sign.diagnosis
    effects = dict.fromkeys((*own.effects, *(one.diagnosis.cause for one in cause.effects)))
    # Events, logs and what a container ended with are others' words.
    return msgspec.structs.replace(
        own,
        cause=redacted_text(own.cause),
        evidence=tuple(map(redacted_text, own.evidence)),
        effects=tuple(map(redacted_text, effects)),
    )
