"""V11: a default changes under a value that nobody set, and what runs changes with it."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from resail.checks.hazards.case import Case, Part, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.values.leaves import at_root, defaults_of, knows, leaves
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="V11",
    title="A chart's default changes under a value that nobody set",
    proof="provable",
    severity="warning",
    detection="Resources, probes, grace periods, rollout limits or what the CNI plugin repairs are rendered differently, and a "
    "default that the user left alone explains it.",
    effect="Pods are scheduled, ended, probed or repaired differently, though no value was edited.",
    fix="set the old value where it matters; else nothing is to be done",
    gates=("G1",),
    undo=("U8",),
    sources=(
        "https://github.com/istio/istio/blob/1.23.0/manifests/charts/ztunnel/values.yaml",
        "https://github.com/istio/istio/blob/1.22.0/manifests/charts/istio-cni/values.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/startupProbe.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/istio-cni-chart-termgrace.yaml",
    ),
)


class _Topic(msgspec.Struct, frozen=True):
    """Fields of substance, and the values that they are made of."""

    fields: tuple[str, ...]
    """Patterns in rendered objects."""
    defaults: str
    """Pattern of the paths of values."""
    harmful: tuple[str, ...] = ()
    """Charts of which a change is known to have hurt."""


_CONTAINERS = "spec.template.spec.containers[*]"
_INJECTED = "data.values.global.proxy"

_TOPICS = (
    _Topic((f"{_CONTAINERS}.resources",), r"(^|\.)(resources|defaultResources)(\.|$)", ("ztunnel",)),
    _Topic(tuple(f"{_CONTAINERS}.{name}Probe" for name in ("readiness", "liveness", "startup")), r"(?i)probe|readiness"),
    _Topic(("spec.template.spec.terminationGracePeriodSeconds",), r"(?i)terminationGracePeriod", ("cni",)),
    _Topic(("spec.updateStrategy.rollingUpdate", "spec.strategy.rollingUpdate"), r"(?i)strategy|rollingMax"),
    _Topic((f"{_INJECTED}.resources",), r"^global\.proxy\.resources\."),
    _Topic(
        tuple(
            f"{_INJECTED}.{name}"
            for name in ("startupProbe", "readinessInitialDelaySeconds", "readinessPeriodSeconds", "readinessFailureThreshold")
        ),
        r"^global\.proxy\.(startupProbe|readiness)",
        ("istiod",),
    ),
    _Topic(
        ("data.REPAIR_LABEL_PODS", "data.REPAIR_DELETE_PODS", "data.REPAIR_REPAIR_PODS"),
        r"^repair\.",
        ("cni",),
    ),
    _Topic(("data.EXCLUDE_NAMESPACES", "data.EXCLUDED_NAMESPACES"), r"^excludeNamespaces$", ("cni",)),
)


class _Change(msgspec.Struct, frozen=True):
    """One field that comes out differently."""

    seen: tuple[Seen, ...]
    words: str
    harmful: bool


def _find(case: Case) -> Iterator[Sign]:
    # Those that can be judged come before one that cannot.
    for part in sorted(case.parts, key=lambda part: part.rendered is None):
        changes = list(_changes(case, part))
        if changes:
            yield Sign(
                tuple(seen for change in changes for seen in change.seen),
                f"chart {part.chart} of {case.target} has other defaults: {', '.join(change.words for change in changes)}",
                severity=None if any(change.harmful for change in changes) else "info",
            )


def _changes(case: Case, part: Part) -> Iterator[_Change]:
    running = _running(case, part)
    target = {(manifest.get("kind"), _plain_name(case, manifest)): manifest for manifest in (part.target if running else ())}
    for before in running:
        after = target.get((before.get("kind"), _plain_name(case, before)))
        if after is None:
            continue
        for topic in _TOPICS:
            found = list(_differences(before, after, topic, harmful=part.chart in topic.harmful))
            if found and _explained(part, topic):
                yield from found


def _running(case: Case, part: Part) -> tuple[Manifest, ...]:
    if part.method != "sail":
        return part.running
    releases = [release for release in case.snapshot.helm_releases if release.is_sails and release.chart == part.chart]
    return tuple(manifest for release in releases for manifest in release.objects)


def _plain_name(case: Case, manifest: Manifest) -> str:
    name = str(first(manifest, "metadata.name"))
    return name.removesuffix(f"-{case.revision}").removesuffix(f"-{case.new_revision}")


def _explained(part: Part, topic: _Topic) -> bool:
    """Does a default of it differ that the user left alone, and no value of it get lost (which is another hazard)?"""
    if part.running_defaults is None or part.target_defaults is None:
        raise Unknown(f"what chart {part.chart} of both releases has by default is not known")
    before, after = defaults_of(part.chart, part.running_defaults), defaults_of(part.chart, part.target_defaults)
    set_here = list(leaves(part.values))
    own = {at_root(part.chart, leaf.keys) for leaf in set_here}
    lost = [leaf for leaf in set_here if not knows(part.chart, part.target_defaults, leaf.keys)]
    if any(re.search(topic.defaults, at_root(part.chart, leaf.keys)) for leaf in lost):
        return False
    differing = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    return any(re.search(topic.defaults, path) and path not in own for path in differing)


def _differences(before: Manifest, after: Manifest, topic: _Topic, *, harmful: bool) -> Iterator[_Change]:
    old, new = _fields(before, topic), _fields(after, topic)
    for name in sorted(old.keys() | new.keys()):
        was, is_now = old.get(name), new.get(name)
        if was is None or is_now is None or was[1] != is_now[1]:
            seen = [Seen(holder, one[0]) for holder, one in ((before, was), (after, is_now)) if one is not None]
            words = f"{name} {_value(was)} → {_value(is_now)}"
            yield _Change(tuple(seen), words, harmful)


def _value(field: tuple[str, Any] | None) -> str:
    return "unset" if field is None else str(field[1])


def _fields(manifest: Manifest, topic: _Topic) -> dict[str, tuple[str, Any]]:
    """What it is called → its path and its value. A container is called by its name, wherever it stands."""
    found = {}
    for pattern in topic.fields:
        for field in find(manifest, pattern):
            name = _name(manifest, field.path)
            if isinstance(field.value, dict):
                for leaf in leaves(field.value):
                    found[f"{name}.{leaf.path}"] = (f"{field.path}.{leaf.path}", leaf.value)
            else:
                found[name] = (field.path, field.value)
    return found


def _name(manifest: Manifest, path: str) -> str:
    if path.startswith("data."):
        return path.removeprefix("data.").removeprefix("values.")
    above, _, last = path.rpartition(".")
    return f"{first(manifest, f'{above}.name')} {last}" if above.endswith("]") else last


RULE = Rule(_HAZARD, _find)
