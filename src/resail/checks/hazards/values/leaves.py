"""Leaves of values: what a user set, and whether a chart's defaults know of it.

Since Istio 1.24 the charts istiod and cni have at their root what they had below ``pilot`` and ``cni``; the old form is still
merged over the new one (``templates/zzy_descope_legacy.yaml``), so both name the same value.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

__all__ = ["PREFIXES", "Leaf", "at_root", "default_of", "defaults_of", "knows", "leaves"]

PREFIXES = {"istiod": "pilot", "cni": "cni"}
"""Chart → the key whose content means the same as at the root, from 1.24 on."""


class Leaf(msgspec.Struct, frozen=True):
    """One value that is no mapping; or an empty mapping."""

    keys: tuple[str, ...]
    value: Any

    @property
    def path(self) -> str:
        """``pilot.resources.requests.cpu``"""
        return ".".join(self.keys)


def leaves(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """All of them; keys that are no text are left out."""
    for key, value in values.items():
        if isinstance(key, str):
            if isinstance(value, Mapping) and value:
                yield from leaves(value, (*above, key))
            else:
                yield Leaf((*above, key), value)


def knows(chart: str, defaults: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    """Do a chart's defaults have a path, or a mapping above it that is empty by default and takes whatever is given?"""
    below = keys[1:] if keys[0] == PREFIXES.get(chart) else ()
    return _has(defaults, keys) or bool(below and _has(defaults, below))


def _has(defaults: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    here: Any = defaults
    for depth, key in enumerate(keys):
        if depth and (here is None or here == {} or here == []):
            return True
        if not isinstance(here, Mapping) or key not in here:
            return False
        here = here[key]
    return True


def default_of(chart: str, defaults: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """What stands at a path in a chart's defaults, in either form: a mapping, a value, or None."""
    forms = [keys, keys[1:]] if keys[0] == PREFIXES.get(chart) else [keys]
    for form in forms:
        here: Any = defaults
        for key in form:
            here = here.get(key) if isinstance(here, Mapping) else None
        if form and here is not None:
            return here
    return None


def at_root(chart: str, keys: tuple[str, ...]) -> str:
    """The path of a leaf in the form without the prefix."""
    return ".".join(keys[1:] if len(keys) > 1 and keys[0] == PREFIXES.get(chart) else keys)


def defaults_of(chart: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Path of each default, without the prefix → the default."""
    return {at_root(chart, leaf.keys): leaf.value for leaf in leaves(defaults)}
