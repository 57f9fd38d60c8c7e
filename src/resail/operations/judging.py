"""What rules say about a mesh and the hops that were built for it."""

from collections.abc import Sequence

import msgspec

from resail.checks.hazards.assessment import assess, merged
from resail.checks.hazards.case import Case
from resail.checks.hazards.checklist import questions_for
from resail.checks.rulebook import RULEBOOK
from resail.models.finding import Finding
from resail.models.precheck import NotEvaluated, Question

__all__ = ["Judgement", "judge"]


class Judgement(msgspec.Struct, frozen=True):
    """Of all hops; what is found in more than one of them is told once."""

    findings: tuple[Finding, ...]
    not_evaluated: tuple[NotEvaluated, ...] = ()
    checklist: tuple[Question, ...] = ()
    more_notes: int = 0


def judge(cases: Sequence[Case]) -> Judgement:
    """Apply all rules to each hop."""
    assessment = merged([assess(case, RULEBOOK) for case in cases])
    asked = {question.id: question for case in cases for question in questions_for(case)}
    return Judgement(assessment.findings, assessment.not_evaluated, tuple(asked[name] for name in sorted(asked)))
