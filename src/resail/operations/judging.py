"""What rules, policy and calendar say about a mesh and the hops that were built for it."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import msgspec

from resail.checks.hazards.assessment import assess, merged
from resail.checks.hazards.case import Case
from resail.checks.hazards.catalogue import RULES
from resail.checks.hazards.checklist import questions_for
from resail.checks.policy.pairs import pairs_of
from resail.checks.policy.review import review
from resail.checks.policy.rules import rules_in_force
from resail.checks.requirements.calendar_findings import restart_findings
from resail.checks.waivers import waive
from resail.models.finding import Finding
from resail.models.plan import Step
from resail.models.precheck import NotEvaluated, Question
from resail.models.site import Site
from resail.models.waiver import Waived
from resail.operations.site import DEFAULT_SITE, read_site

__all__ = ["NO_PLAN", "Ground", "Judgement", "Settled", "judge", "settled", "stand_on"]


NO_PLAN = "cannot-be-planned"


class Ground(msgspec.Struct, frozen=True):
    """What is judged by, beside the rules of resail."""

    site: Site
    place: str
    """The file that it is from."""
    today: date


class Judgement(msgspec.Struct, frozen=True):
    """Of all hops; what is found in more than one of them is told once."""

    findings: tuple[Finding, ...]
    not_evaluated: tuple[NotEvaluated, ...]
    checklist: tuple[Question, ...]


class Settled(msgspec.Struct, frozen=True):
    """Findings once the waivers have had their say."""

    findings: tuple[Finding, ...]
    """Sorted; those about the waivers themselves are among them."""
    waived: tuple[Waived, ...]


def stand_on(config: Path | None, today: date) -> Ground:
    """Read the site's settings.

    Raises:
        UsageError, ArtifactError: as ``read_site``.
    """
    return Ground(read_site(config), str(config or DEFAULT_SITE), today)


def judge(cases: Sequence[Case], ground: Ground, known: Iterable[Finding] = ()) -> Judgement:
    """Apply all rules to each hop, and the policy to what they, and others before them, found.

    Args:
        cases: the hops.
        ground: the site's settings.
        known: findings of others, at which the policy looks, too.
    """
    assessment = merged([assess(case, RULES) for case in cases])
    steps: list[Step] = [step for case in cases for step in case.steps or ()]
    pairs = [pair for case in cases for pair in pairs_of(case)]
    found = {
        *assessment.findings,
        *review(pairs, {*known, *assessment.findings}, steps, rules_in_force(ground.site.policy)),
        *restart_findings(ground.site.calendar, steps, ground.place),
    }
    asked = {question.id: question for case in cases for question in questions_for(case)}
    return Judgement(tuple(sorted(found)), assessment.not_evaluated, tuple(asked[name] for name in sorted(asked)))


def settled(findings: Iterable[Finding], ground: Ground) -> Settled:
    """Take out what is waived. That there can be no plan is no matter of opinion."""
    found = sorted(set(findings))
    firm = [one for one in found if one.id == NO_PLAN]
    others = [one for one in found if one.id != NO_PLAN]
    counting, waived, about = waive(others, ground.site.waivers, ground.today, ground.place)
    return Settled(tuple(sorted({*firm, *counting, *about})), waived)
