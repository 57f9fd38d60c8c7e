"""Kubernetes quantities, and counts that may be percentages."""

import math
from decimal import Decimal, InvalidOperation
from functools import lru_cache

__all__ = ["absolute", "cpu_millis", "parse_quantity"]

_SUFFIXES = {
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    "m": Decimal("0.001"),
    "u": Decimal("0.000001"),
    "n": Decimal("0.000000001"),
    "": Decimal(1),
}


@lru_cache(maxsize=4096)
def parse_quantity(text: str) -> Decimal:
    """``100m`` → 0.1, ``1Gi`` → 1073741824; 0 for what is no quantity."""
    suffix = next((suffix for suffix in _SUFFIXES if suffix and text.endswith(suffix)), "")
    try:
        number = Decimal(text.removesuffix(suffix))
    except InvalidOperation:
        return Decimal(0)
    return number * _SUFFIXES[suffix] if number.is_finite() else Decimal(0)


def cpu_millis(text: str) -> int:
    """CPU in thousandths of a core."""
    return int(parse_quantity(text) * 1000)


def absolute(value: int | str | None, of: int, *, round_up: bool, default: int | str) -> int:
    """A count, or a percentage ``of`` that many: as Kubernetes rounds it for the field at hand."""
    chosen = default if value is None else value
    if isinstance(chosen, int):
        return chosen
    if not chosen.endswith("%"):
        return int(chosen) if chosen.isdecimal() else 0
    share = Decimal(chosen.removesuffix("%")) * of / 100
    return math.ceil(share) if round_up else math.floor(share)
