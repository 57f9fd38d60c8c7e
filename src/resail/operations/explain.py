"""``resail explain``: the catalogue of hazards."""

import difflib

from resail.checks.hazards.catalogue import RULES, find_rule
from resail.checks.hazards.hazard import Hazard
from resail.errors import UsageError

__all__ = ["catalogue", "explain"]


def catalogue() -> tuple[Hazard, ...]:
    """All hazards, in the order of the catalogue."""
    return tuple(rule.hazard for rule in RULES)


def explain(name: str) -> Hazard:
    """One hazard.

    Raises:
        UsageError: there is none of that id; near ones are named.
    """
    rule = find_rule(name)
    if rule is None:
        near = difflib.get_close_matches(name.lower(), [one.hazard.id.lower() for one in RULES], n=3)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise UsageError("is not the id of a hazard", on=name, next_step=f"{hint}`resail explain` lists them all")
    return rule.hazard
