"""Hazards of the last upgrade that have struck: the catalogue read backwards.

A rule of the catalogue tells where its hazard would be on the way from one version to another. Where such a place is not well
now, and no other cause is known for it, that hazard may be why. A mesh on which nothing is wrong is asked nothing.
"""

from collections.abc import Iterable, Iterator

from resail.checks.diagnosis.sign import Place, Sign
from resail.checks.diagnosis.situation import Situation
from resail.checks.hazards.assessment import assess
from resail.checks.hazards.catalogue import RULES
from resail.checks.hazards.hazard import UNDO, Rule
from resail.models.diagnosis import Diagnosis
from resail.models.finding import Finding, FindingObject

__all__ = ["struck_hazards"]

_NOT_ILL = ("HelmRelease", "Run")
"""Kinds that stand for no object: what is told of one value of a release says nothing of its others."""


def struck_hazards(situation: Situation, signs: Iterable[Sign]) -> Iterator[Sign]:
    """Those that point at an object that something is wrong with, each once; none where the last upgrade is not known."""
    case, known = situation.case, list(signs)
    ill = frozenset(place for sign in known for place in _places(sign.diagnosis.objects) if place[0] not in _NOT_ILL)
    if case is None or not ill:
        return
    told = {sign.diagnosis.hazard for sign in known}
    for rule in RULES:
        hazard = rule.hazard
        if hazard.proof == "provable" and hazard.id not in told:
            findings = [one for one in assess(case, [rule]).findings if one.severity != "info" and ill & _places(one.objects)]
            if findings:
                yield _sign(rule, findings, f"{case.installed} → {case.target}")


def _sign(rule: Rule, findings: list[Finding], way: str) -> Sign:
    hazard = rule.hazard
    objects = dict.fromkeys(place for one in findings for place in one.objects)
    return Sign(
        diagnosis=Diagnosis(
            id=hazard.id,
            certainty="possible",
            cause=f"hazard {hazard.id} of the upgrade {way}: {findings[0].message}",
            objects=tuple(objects),
            evidence=tuple(dict.fromkeys(one.evidence for one in findings)),
            effects=(hazard.effect,),
            undo=(*(UNDO[key] for key in hazard.undo), f"before the next upgrade: {findings[0].fix}"),
            hazard=hazard.id,
            source=hazard.sources[0],
        )
    )


def _places(objects: Iterable[FindingObject]) -> frozenset[Place]:
    return frozenset((one.kind, one.namespace, one.name) for one in objects)
