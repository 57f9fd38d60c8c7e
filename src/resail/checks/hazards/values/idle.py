"""Values without which a chart renders the same: which to try, and how to tell."""

from collections.abc import Iterable, Mapping
from typing import Any

from resail.checks.hazards.case import Part
from resail.checks.hazards.values.leaves import knows, leaves
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["rendered_alike", "unread_candidates", "without"]

_PASSED_ON = ("meshConfig",)
"""Goes into a ConfigMap whole, whatever is in it."""

_COPY_OF_VALUES = "data.original-values"
"""Since 1.26 chart istiod renders a ConfigMap with the values themselves, which nobody reads."""


def unread_candidates(part: Part) -> tuple[str, ...]:
    """Paths of the user's values that the target's defaults lack: what to render the target without.

    Not among them is what cannot matter (an empty value that the installed chart does not know either), and what a chart
    passes on whole: the mesh configuration, and what stands in a mapping that is empty by default, as ``podAnnotations``.
    """
    if part.target_defaults is None:
        return ()
    target = part.target_defaults
    return tuple(
        leaf.path
        for leaf in leaves(part.values)
        if not knows(part.chart, target, leaf.keys)
        and leaf.keys[0] not in _PASSED_ON
        and (leaf.value or knows(part.chart, part.running_defaults or {}, leaf.keys))
    )


def without(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The values without one leaf; mappings that are empty then go, too."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if key == path:
            continue
        if isinstance(value, Mapping) and isinstance(key, str) and path.startswith(f"{key}."):
            value = without(value, path[len(key) + 1 :])
            if not value:
                continue
        kept[key] = value
    return kept


def rendered_alike(one: Iterable[Manifest], other: Iterable[Manifest]) -> bool:
    """Are the same objects rendered, but for the copy of the values that the chart keeps for people to look at?"""
    return _read(one) == _read(other)


def _read(objects: Iterable[Manifest]) -> list[Manifest]:
    return [manifest for manifest in objects if first(manifest, _COPY_OF_VALUES) is None]
