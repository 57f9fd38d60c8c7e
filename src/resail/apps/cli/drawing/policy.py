"""Rules of a policy, and tests of them."""

from collections.abc import Sequence

from rich.console import RenderableType

from resail.apps.cli.drawing.parts import table
from resail.operations.policy import RuleInForce, TestedRule

__all__ = ["draw_rules", "draw_tests"]


def draw_rules(rules: Sequence[RuleInForce]) -> RenderableType:
    """A row for each rule."""
    rows = [
        (one.rule.id, one.rule.severity, ", ".join(one.rule.match) or f"all {one.rule.about}s", one.rule.message, _whose(one))
        for one in rules
    ]
    return table(
        ("Rule", "Severity", "Judges", "Found where it does not hold", "From"), rows, title=f"Rules in force ({len(rows)})"
    )


def draw_tests(tested: Sequence[TestedRule]) -> RenderableType:
    """A row for each test."""
    rows = [("passed" if one.passed else "FAILED", one.name, one.rule, _came_out(one)) for one in tested]
    passed = sum(one.passed for one in tested)
    return table(("", "Test", "Rule", "Came out"), rows, title=f"{passed} of {len(rows)} tests passed")


def _whose(one: RuleInForce) -> str:
    return "resail" if one.built_in else "the site"


def _came_out(one: TestedRule) -> str:
    wanted = "" if one.passed else f", not {one.expected}"
    return f"{one.outcome}{wanted}\n{one.evidence}".rstrip()
