"""Tests of rules: what a rule says of an example, and what its writer expects."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from resail.checks.policy.matter import Matter
from resail.checks.policy.review import CompiledRule, compile_rule, evidence, judged
from resail.errors import UsageError
from resail.models.policy import Rule, RuleTest

__all__ = ["Outcome", "Trial", "try_rules"]

Outcome = Literal["pass", "violation", "skip", "not-evaluated"]


class Trial(msgspec.Struct, frozen=True):
    """One test that was made."""

    name: str
    rule: str
    expected: Outcome
    outcome: Outcome
    evidence: str
    """Of each violation, or why it could not be evaluated."""

    @property
    def passed(self) -> bool:
        """Is it as expected?"""
        return self.outcome == self.expected


def try_rules(tests: Iterable[RuleTest], rules: Iterable[Rule]) -> tuple[Trial, ...]:
    """Make the tests, in their order.

    Raises:
        UsageError: a test names a rule that there is not, or a rule's expression is no CEL.
    """
    known = {rule.id: rule for rule in rules}
    compiled: dict[str, CompiledRule] = {}
    trials = []
    for test in tests:
        if test.rule not in known:
            raise UsageError(
                f"there is no rule {test.rule!r}",
                on=f"test {test.name!r}",
                next_step="`resail policy list` shows the rules in force",
            )
        if test.rule not in compiled:
            compiled[test.rule] = compile_rule(known[test.rule])
        trials.append(_trial(test, compiled[test.rule]))
    return tuple(trials)


def _trial(test: RuleTest, compiled: CompiledRule) -> Trial:
    outcome, said = _outcome(_matter(test), compiled)
    return Trial(test.name, test.rule, test.expect, outcome, "; ".join(said))


def _outcome(matter: Matter, compiled: CompiledRule) -> tuple[Outcome, Sequence[str]]:
    if not compiled.looks_at(matter):
        return "skip", ()
    objections = tuple(judged(compiled, matter))
    untold = [one.untold for one in objections if one.untold]
    if untold:
        return "not-evaluated", untold
    return ("violation" if objections else "pass"), [evidence(compiled.rule, one.place) for one in objections]


def _matter(test: RuleTest) -> Matter:
    if test.object is not None:
        return Matter("manifest", test.object, running=test.running)
    if test.finding is not None:
        return Matter("finding", test.finding)
    return Matter("step", test.step)
