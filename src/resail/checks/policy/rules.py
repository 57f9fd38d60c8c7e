"""Which rules are in force: those that come with resail, and a site's own."""

from functools import lru_cache
from importlib.resources import files

import msgspec

from resail.errors import UsageError
from resail.models.plain_yaml import read_yaml
from resail.models.policy import Policy, Rule

__all__ = ["built_in_rules", "rules_in_force"]


@lru_cache(maxsize=1)
def built_in_rules() -> tuple[Rule, ...]:
    """Those that come with resail, in the order of their file."""
    text = files(__package__).joinpath("built_in.yaml").read_text(encoding="utf-8")
    return msgspec.convert(read_yaml(text), tuple[Rule, ...])


def rules_in_force(policy: Policy) -> tuple[Rule, ...]:
    """The built-in rules that are not disabled, then the site's own.

    Raises:
        UsageError: a rule's id is taken, or there is no built-in rule of a disabled id.
    """
    built_in = {rule.id: rule for rule in built_in_rules()}
    for name in policy.disable:
        if name not in built_in:
            raise UsageError(
                f"there is no built-in rule {name!r}", on="policy.disable", next_step="`resail policy list` shows which there are"
            )
    taken = set(built_in) - set(policy.disable)
    for rule in policy.rules:
        if rule.id in taken:
            raise UsageError(
                "another rule has this id",
                on=f"rule {rule.id}",
                next_step="give it another one; to replace a built-in rule, name its id in policy.disable, too",
            )
        taken.add(rule.id)
    return (*(rule for name, rule in built_in.items() if name not in policy.disable), *policy.rules)
