"""Spans of versions: comparators that all must hold."""

import re
from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne

from resail.models.identity import IstioVersion

__all__ = ["within"]

_COMPARATOR = re.compile(r"(>=|<=|!=|>|<|=)(\d+\.\d+\.\d+)")
_Number = tuple[int, int, int]
_HOLDS: dict[str, Callable[[_Number, _Number], bool]] = {">=": ge, "<=": le, "!=": ne, ">": gt, "<": lt, "=": eq}


def within(version: IstioVersion, span: str) -> bool:
    """Does a version lie in a span such as ``>=1.24.0,<1.24.3``? ``*`` has all. A pre-release counts as its release.

    Raises:
        ValueError: the span cannot be read; those of the catalogue are tested.
    """
    if span == "*":
        return True
    number = (version.major, version.minor, version.patch)
    for part in span.split(","):
        matched = _COMPARATOR.fullmatch(part)
        if matched is None:
            raise ValueError(f"{part!r} is no comparator of versions")
        bound = tuple(map(int, matched[2].split(".")))
        if not _HOLDS[matched[1]](number, (bound[0], bound[1], bound[2])):
            return False
    return True
