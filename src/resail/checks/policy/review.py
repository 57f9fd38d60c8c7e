"""What rules say of a hop: of what will be written, of what was found, and of the steps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from resail.checks.policy.expression import CannotTell, Expression
from resail.checks.policy.matter import Matter
from resail.checks.policy.pairs import Pair
from resail.checks.policy.places import Place, anchor, places
from resail.models.encoding import canonical_json
from resail.models.finding import Finding, FindingObject
from resail.models.plan import Step
from resail.models.policy import Rule, Subject

__all__ = ["CompiledRule", "Objection", "compile_rule", "evidence", "judged", "review"]

_VARIABLES: dict[Subject, tuple[str, ...]] = {
    "manifest": ("object", "running", "value", "running_value"),
    "finding": ("finding", "value"),
    "step": ("step", "value"),
}
_LONGEST = 160


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule that can be asked."""

    rule: Rule
    expression: Expression

    def looks_at(self, matter: Matter) -> bool:
        """Is it one of those that the rule is about?"""
        return matter.about == self.rule.about and (not self.rule.match or any(name in self.rule.match for name in matter.names))


class Objection(msgspec.Struct, frozen=True):
    """A place at which a rule does not hold, or cannot tell."""

    place: Place
    untold: str = ""
    """Why it cannot tell, in CEL's words; empty: it does not hold."""


def review(
    manifests: Iterable[Pair], findings: Iterable[Finding], steps: Sequence[Step], rules: Iterable[Rule]
) -> tuple[Finding, ...]:
    """What the rules find, sorted: ``policy/<id>``, and ``policy-not-evaluated`` where a rule cannot tell.

    Args:
        manifests: what will be written (``pairs_of``).
        findings: of everything else that looked at the mesh.
        steps: of the plan, in its order; their position in it is told.
        rules: those in force (``rules_in_force``).

    Raises:
        UsageError: a rule's expression is no CEL.
    """
    matters = [
        *map(Matter.of_manifest, manifests),
        *map(Matter.of_finding, findings),
        *(Matter.of_step(index, step) for index, step in enumerate(steps)),
    ]
    return tuple(sorted({found for rule in rules for found in _found(compile_rule(rule), matters)}))


def compile_rule(rule: Rule) -> CompiledRule:
    """Make it ready to be asked.

    Raises:
        UsageError: its expression is no CEL; names the rule, and line and column of the expression.
    """
    return CompiledRule(rule, Expression(rule.expression, _VARIABLES[rule.about], on=f"rule {rule.id}"))


def judged(compiled: CompiledRule, matter: Matter) -> Iterator[Objection]:
    """Where the rule does not hold, or cannot tell."""
    rule = compiled.rule
    for place in places(matter.value, matter.running, rule.field, rule.lost):
        try:
            if not compiled.expression.holds(_values(matter, place)):
                yield Objection(place)
        except CannotTell as reason:
            yield Objection(place, str(reason))


def _values(matter: Matter, place: Place) -> Mapping[str, Any]:
    if matter.about == "manifest":
        return {
            "object": matter.value,
            "running": matter.running,
            "value": place.value,
            "running_value": place.running_value,
        }
    return {matter.about: matter.value, "value": place.value}


def _found(compiled: CompiledRule, matters: Iterable[Matter]) -> Iterator[Finding]:
    untold: dict[str, list[FindingObject]] = {}
    for matter in filter(compiled.looks_at, matters):
        for objection in judged(compiled, matter):
            if objection.untold:
                untold.setdefault(objection.untold, []).extend(_placed(matter, objection.place))
            else:
                yield _violation(compiled.rule, matter, objection.place)
    for words, objects in untold.items():
        yield Finding(
            id="policy-not-evaluated",
            severity="warning",
            message=f"whether rule {compiled.rule.id} holds is not known",
            objects=tuple(objects),
            evidence=f"CEL says: {words}",
            fix="have its expression ask with has() for what may be missing",
        )


def _violation(rule: Rule, matter: Matter, place: Place) -> Finding:
    return Finding(
        id=f"policy/{rule.id}",
        severity=rule.severity,
        message=rule.message,
        objects=_placed(matter, place),
        evidence=evidence(rule, place),
        fix=rule.fix,
        source=rule.source,
    )


def _placed(matter: Matter, place: Place) -> tuple[FindingObject, ...]:
    """The objects of a matter, with the field of the place where that is a field of theirs."""
    path = anchor(matter.value, place.path)
    if matter.about == "finding" or not path:
        return matter.objects
    return tuple(msgspec.structs.replace(one, field=f"{one.field}.{path}".removeprefix(".")) for one in matter.objects)


def evidence(rule: Rule, place: Place) -> str:
    """What stands at a place at which a rule does not hold."""
    if not place.path:
        return f"not true of it: {' '.join(rule.expression.split())}"
    if place.value is None and place.running_value is not None:
        return f"there is no {place.path}; what runs has {_shown(place.running_value)}"
    runs = f"; what runs has {_shown(place.running_value)}" if place.running_value is not None else ""
    return f"{place.path}: {_shown(place.value)}{runs}"


def _shown(value: Any) -> str:
    """JSON; of what is long no more than its keys, since what is missing among them is what a rule is about."""
    text = canonical_json(value).decode()
    if len(text) <= _LONGEST:
        return text
    return f"the keys {', '.join(sorted(value))}" if isinstance(value, dict) else f"{text[:_LONGEST]}…"
