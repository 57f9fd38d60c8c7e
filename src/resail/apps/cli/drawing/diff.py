"""What a plan would change, for people."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from resail.checks.differences import FieldChange
from resail.operations.diff import ObjectDiff

__all__ = ["draw_diff"]

_SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
_WIDTH = 100
"""Characters of a value that are shown without ``-v``."""


def draw_diff(differences: Sequence[ObjectDiff], *, verbose: bool) -> RenderableType:
    """Objects with the fields that change; whole values where ``verbose``."""
    if not differences:
        return Text("Nothing would change.")
    parts: list[RenderableType] = []
    step = ""
    for each in differences:
        if each.step != step:
            step = each.step
            parts.append(Text(f"\n{step}" if parts else step, style="bold"))
        sign, colour = _SIGNS[each.change]
        parts.append(Text(f"  {sign} {each.object}", style=colour))
        parts += [_field(change, verbose) for change in each.fields]
    counts = [(name, sum(each.change == name for each in differences)) for name in _SIGNS]
    parts.append(Text("\n" + ", ".join(f"{count} to {name}" for name, count in counts)))
    return Group(*parts)


def _field(change: FieldChange, verbose: bool) -> Text:
    before, after = (_value(value, verbose) for value in (change.before, change.after))
    return Text.assemble(f"      {change.path}: ", (before, "red"), " → ", (after, "green"))


def _value(value: Any, verbose: bool) -> str:
    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False)
    return text if verbose or len(text) <= _WIDTH else f"{text[:_WIDTH]}…"
