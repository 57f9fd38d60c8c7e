"""``resail policy``: which rules are in force, and tests of them."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from resail.checks.policy.rules import rules_in_force
from resail.checks.policy.trial import Outcome, try_rules
from resail.errors import UsageError
from resail.models.policy import Policy, Rule, RuleTest, RuleTests
from resail.operations.site import read_settings, read_site

__all__ = ["RuleInForce", "TestedRule", "list_rules", "try_policy"]


class RuleInForce(msgspec.Struct, frozen=True):
    """A rule, and whose it is."""

    rule: Rule
    built_in: bool
    """It comes with resail, and is not the site's own."""


class TestedRule(msgspec.Struct, frozen=True):
    """One test that was made."""

    file: str
    """Empty for a test in the site's own file."""
    name: str
    rule: str
    expected: Outcome
    outcome: Outcome
    evidence: str
    passed: bool


def list_rules(config: Path | None) -> tuple[RuleInForce, ...]:
    """All rules in force, those of resail first.

    Raises:
        UsageError, ArtifactError: as ``read_site``.
    """
    policy = read_site(config).policy
    own = {rule.id for rule in policy.rules}
    return tuple(RuleInForce(rule, rule.id not in own) for rule in rules_in_force(policy))


def try_policy(files: Sequence[Path], config: Path | None) -> tuple[TestedRule, ...]:
    """Make the tests of some files, each with its own rules beside those in force; without a file those of the site.

    Raises:
        UsageError: there is no test, one names no rule, or a file cannot be used.
        ArtifactError: a file cannot be read.
    """
    policy = read_site(config).policy
    tested = [one for path in files for one in _of_file(path, policy)] if files else _tried("", policy.tests, policy)
    if not tested:
        raise UsageError(
            "there are no tests", next_step="name a file of tests, or write some below `policy.tests` of resail.yaml"
        )
    return tuple(tested)


def _of_file(path: Path, policy: Policy) -> list[TestedRule]:
    given = read_settings(path, RuleTests)
    together = msgspec.structs.replace(policy, rules=(*policy.rules, *given.rules))
    try:
        return _tried(str(path), given.tests, together)
    except UsageError as error:
        raise UsageError(error.what, on=f"{path}, {error.on}", next_step=error.next_step) from error


def _tried(file: str, tests: Sequence[RuleTest], policy: Policy) -> list[TestedRule]:
    return [
        TestedRule(file, one.name, one.rule, one.expected, one.outcome, one.evidence, one.passed)
        for one in try_rules(tests, rules_in_force(policy))
    ]
