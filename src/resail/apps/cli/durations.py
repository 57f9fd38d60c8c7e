"""Durations as people type them."""

import re
from typing import Any

import click

__all__ = ["DurationType"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class DurationType(click.ParamType[int]):
    """``90s``, ``30m``, ``24h``, ``1h30m``, ``7d`` → seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"(\d{1,6}[smhd])+", value):
            self.fail(f"{value!r} is not a duration: write it as 90s, 30m, 24h, 1h30m or 7d", param, ctx)
        return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([smhd])", value))
