"""V2: a value that no template of the target reads any more."""

from collections.abc import Iterator, Mapping
from typing import Any

from resail.checks.hazards.case import Case, Part, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.values.idle import unread_candidates
from resail.checks.hazards.values.leaves import Leaf, at_root, default_of, defaults_of, knows, leaves
from resail.models.finding import Severity

__all__ = ["REPLACED", "RULE"]

_HAZARD = Hazard(
    id="V2",
    title="A value that the target's chart no longer reads",
    proof="provable",
    severity="warning",
    methods=("helm", "sail"),
    detection="A value is not among the target chart's defaults and changes nothing that is rendered; or it is a mapping there.",
    effect="Helm says nothing, and what the value did is no longer done.",
    fix="set what took the value's place, or take the value out",
    gates=("G1",),
    undo=("U1", "U8"),
    sources=(
        "https://github.com/istio/istio/blob/1.26.0/manifests/charts/istio-cni/values.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/51987.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/52645.yaml",
    ),
)

REPLACED = {
    ("cni", "rollingMaxUnavailable"): "updateStrategy.rollingUpdate.maxUnavailable",
    ("istiod", "istio_cni.enabled"): "pilot.cni.enabled",
    ("istiod", "istio_cni.provider"): "pilot.cni.provider",
}
"""What took a value's place under another name; where only its place is another, that is computed."""


def _find(case: Case) -> Iterator[Sign]:
    # Those that can be judged come before one that cannot.
    for part in sorted(case.parts, key=lambda part: part.idle is None):
        if part.method == "istioctl":
            continue
        candidates = unread_candidates(part)
        if part.values and part.target_defaults is None:
            raise Unknown(part.refusal or f"what chart {part.chart} of the target has by default is not known")
        if candidates and part.idle is None:
            raise Unknown(part.refusal or f"chart {part.chart} of the target was not rendered without {candidates[0]}")
        idle = [leaf for leaf in leaves(part.values) if leaf.path in candidates and leaf.path in (part.idle or ())]
        yield from (_lost(case, part, leaf) for leaf in idle if _was_read(part, leaf))
        yield from _retyped(case, part)
        yield from _never_read(case, part, [leaf for leaf in idle if not _was_read(part, leaf)])


def _was_read(part: Part, leaf: Leaf) -> bool:
    replaced = (part.chart, at_root(part.chart, leaf.keys)) in REPLACED
    return replaced or part.running_defaults is None or knows(part.chart, part.running_defaults, leaf.keys)


def _lost(case: Case, part: Part, leaf: Leaf) -> Sign:
    root = at_root(part.chart, leaf.keys)
    before = defaults_of(part.chart, part.running_defaults or {})
    message = f"chart {part.chart} of {case.target} renders the same without {leaf.path}"
    fix = ""
    if (part.chart, root) in REPLACED:
        place = REPLACED[part.chart, root]
        message, fix = f"{message}; it reads {place}", f"set {place}, and take {leaf.path} out"
    elif places := _alike(part, root, before):
        message, fix = f"{message}; new is {', '.join(places)}", f"see whether {places[0]} is in its place, then take it out"
    severity: Severity | None = "info" if root in before and before[root] == leaf.value else None
    return Sign.at(part.source, f"{part.path}.{leaf.path}", message, severity=severity, fix=fix)


def _alike(part: Part, root: str, before: Mapping[str, Any]) -> list[str]:
    """New values of the target that end as this one does, or with which it ends: it may have moved there."""
    new = [path for path in defaults_of(part.chart, part.target_defaults or {}) if path not in before]
    tail = ".".join(root.split(".")[-2:])
    return sorted(path for path in new if f".{path}".endswith(f".{tail}") or f".{root}".endswith(f".{path}"))


def _never_read(case: Case, part: Part, idle: list[Leaf]) -> Iterator[Sign]:
    # One file of values for all charts is usual: what another chart reads is no slip.
    others = [other for other in case.parts if other.chart != part.chart and other.target_defaults is not None]
    unknown = [leaf for leaf in idle if not any(knows(other.chart, other.target_defaults or {}, leaf.keys) for other in others)]
    if unknown:
        names = ", ".join(leaf.path for leaf in unknown)
        yield Sign(
            tuple(Seen(part.source, f"{part.path}.{leaf.path}") for leaf in unknown),
            f"chart {part.chart} of {case.target} renders the same without {names}, and the installed one has no such default",
            severity="info",
            fix="take it out, or correct its name",
        )


def _retyped(case: Case, part: Part) -> Iterator[Sign]:
    """Values where the target's chart has a mapping, and the installed one has none."""
    for leaf in leaves(part.values):
        before = default_of(part.chart, part.running_defaults or {}, leaf.keys)
        after = default_of(part.chart, part.target_defaults or {}, leaf.keys)
        given = None if isinstance(leaf.value, Mapping) else leaf.value
        if isinstance(after, Mapping) and after and not isinstance(before, Mapping) and None not in (before, given):
            below = ", ".join(map(str, after))
            message = f"{leaf.path} is set to {given}, and chart {part.chart} of {case.target} has {below} below it"
            yield Sign.at(part.source, f"{part.path}.{leaf.path}", message, fix=f"set what is meant below {leaf.path}")


RULE = Rule(_HAZARD, _find)
