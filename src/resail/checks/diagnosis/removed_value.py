"""A value that the installed chart, or istiod, no longer reads: what its user wished is not so any more."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from resail.checks.diagnosis.sign import Rule, Sign
from resail.checks.diagnosis.situation import Situation
from resail.checks.hazards.values.leaves import PREFIXES, Leaf, at_root, leaves
from resail.checks.hazards.values.v2_unread_value import REPLACED
from resail.models.diagnosis import Diagnosis
from resail.models.finding import FindingObject
from resail.models.identity import IstioVersion
from resail.models.redaction import redacted
from resail.models.release_facts import ReleaseFacts
from resail.models.snapshot import HelmRelease

__all__ = ["RULE"]

_ID = "removed-value"
_ENVIRONMENT = ("env", "pilot.env")
_PASSED_ON = ("meshConfig",)
"""Goes into a ConfigMap whole, whatever is in it."""
_QUOTES = "\"'`"


class _Lost(msgspec.Struct, frozen=True):
    """A value that is not read."""

    leaf: Leaf
    line: str
    """The last one that read it."""
    default: Any
    """Of that line."""
    now: str
    """What is in force in its place, in words."""
    is_variable: bool = False
    """Of istiod's environment."""


def _find(situation: Situation) -> Iterator[Sign]:
    for release in situation.snapshot.helm_releases:
        version = IstioVersion.parse_if(release.app_version) or IstioVersion.parse_if(release.chart_version)
        facts = [one for one in situation.facts if version and _line(one) <= (version.major, version.minor)]
        if release.installed and facts and version and _line(facts[-1]) == (version.major, version.minor):
            # What a template names is read, be it without a default; of variables charts only pass on what they are given.
            read = situation.read_values.get(release.key, ())
            for lost in _lost(release, facts[:-1], facts[-1]):
                if lost.is_variable or lost.leaf.path not in read:
                    yield _sign(situation, release, lost)


def _sign(situation: Situation, release: HelmRelease, lost: _Lost) -> Sign:
    is_proven = release.key in situation.read_values and not lost.is_variable
    path, value = lost.leaf.path, redacted({lost.leaf.keys[-1]: lost.leaf.value})[lost.leaf.keys[-1]]
    return Sign(
        diagnosis=Diagnosis(
            id=_ID,
            certainty="certain" if is_proven else "likely",
            cause=(
                f"value {path} of release {release.key} is not read by {release.chart} {release.app_version} any more: {lost.now}"
            ),
            objects=(FindingObject("HelmRelease", release.namespace, release.name, f"values.{path}"),),
            evidence=(
                f"values.{path}: {value}",
                f"Istio {lost.line} was the last with it, by default {lost.default!s}; chart {release.chart} "
                f"{release.chart_version} has no such value",
            ),
            effects=("what it was set for is as Istio has it by default",),
            undo=(
                "see the upgrade notes for what took its place, set that, and take this value out",
                f"or `helm rollback` {release.name} to a revision whose chart reads it",
            ),
            hazard="V8" if lost.is_variable else "V2",
            source="https://istio.io/latest/news/releases/",
        )
    )


def _lost(release: HelmRelease, older: Sequence[ReleaseFacts], now: ReleaseFacts) -> Iterator[_Lost]:
    for leaf in leaves(release.values):
        root = at_root(release.chart, leaf.keys)
        if leaf.keys[0] in _PASSED_ON:
            continue
        variable = next((root.removeprefix(f"{place}.") for place in _ENVIRONMENT if root.startswith(f"{place}.")), "")
        if release.chart == "istiod" and variable:
            yield from _lost_variable(leaf, variable, older, now)
        elif "values" not in now.unknown and not _is_read(now, release.chart, root):
            known = [one for one in older if _knows(one, release.chart, root)]
            if known and (default := _defaults(known[-1], release.chart).get(root)) != leaf.value:
                yield _Lost(leaf, known[-1].version, default, _instead(release, now, root))


def _lost_variable(leaf: Leaf, name: str, older: Sequence[ReleaseFacts], now: ReleaseFacts) -> Iterator[_Lost]:
    known = [one for one in older if name in one.flags]
    if "flags" in now.unknown or name in now.flags or not known:
        return
    default = known[-1].flags[name].strip(_QUOTES)
    if not default or default.lower() != str(leaf.value).lower():
        yield _Lost(
            leaf, known[-1].version, default or "not known", f"istiod {now.version} does not know {name}", is_variable=True
        )


def _instead(release: HelmRelease, now: ReleaseFacts, root: str) -> str:
    """What is in force without it, in words."""
    place = REPLACED.get((release.chart, root))
    if place is None:
        return "what Istio has by default is in force"
    return f"{place} took its place, and is {_defaults(now, release.chart).get(place, 'not set')} by default"


def _defaults(facts: ReleaseFacts, chart: str) -> Mapping[str, Any]:
    """By the path without the prefix that charts had before 1.24."""
    return {at_root(chart, tuple(path.split("."))): default for path, default in facts.values.get(chart, {}).items()}


def _is_read(now: ReleaseFacts, chart: str, root: str) -> bool:
    """By this chart; or by another one, as one file of values for all charts is usual."""
    return _knows(now, chart, root) or any(_knows(now, other, root) for other in now.values if root.startswith("global."))


def _knows(facts: ReleaseFacts, chart: str, root: str) -> bool:
    """Has it the value, a mapping that takes whatever is given, or values below it?"""
    defaults = _defaults(facts, chart)
    parts = root.split(".")
    above = [".".join(parts[:depth]) for depth in range(1, len(parts))]
    open_above = any(path in defaults and defaults[path] in ({}, [], None) for path in above)
    return root in defaults or open_above or any(path.startswith(f"{root}.") for path in defaults) or root in PREFIXES.values()


def _line(facts: ReleaseFacts) -> tuple[int, int]:
    major, minor, *_ = facts.version.split(".")
    return int(major), int(minor.partition("-")[0])


RULE = Rule(_ID, _find)
