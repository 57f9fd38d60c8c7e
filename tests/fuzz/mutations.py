"""Spoil what is valid: byte by byte, or a node of its tree."""

import copy
from typing import Any

from hypothesis import strategies as st

__all__ = ["ODD", "spoiled_bytes", "spoiled_tree"]

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    2**64,
    10**400,
    1.5,
    -0.0,
    1e308,
    "",
    " ",
    "\x00",
    "../../etc/passwd",
    "9" * 40,
    "-1",
    "1.27.9",
    "2026-13-45T99:99:99Z",
    "ü\u2028\U0001f4a9",
    "[bold]{x}%s<b>",
    "a" * 5000,
    [],
    [None],
    [[]],
    {},
    {"": None},
    {"metadata": None},
]
"""What may stand where something else should."""


@st.composite
def spoiled_bytes(draw: st.DrawFn, valid: bytes) -> bytes:
    """Some changes, each at a place of its own."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["flip", "set", "cut", "drop", "insert", "repeat", "swap"])):
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "set" if data:
                data[at] = draw(st.sampled_from([0, 9, 10, 0x22, 0x2D, 0x5B, 0x7B, 0x7F, 0xFF]))
            case "cut":
                del data[at:]
            case "drop":
                del data[at : at + draw(st.integers(1, 64))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "repeat":
                data[at:at] = data[at : at + draw(st.integers(1, 256))]
            case _:
                other = draw(st.integers(0, max(len(data) - 1, 0)))
                data[at : at + 4], data[other : other + 4] = data[other : other + 4], data[at : at + 4]
    return bytes(data)


@st.composite
def spoiled_tree(draw: st.DrawFn, valid: Any) -> Any:
    """Some nodes are other than they should be, twice there or not at all."""
    tree = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(_places(tree)))
        match draw(st.sampled_from(["odd", "odd", "gone", "wrapped", "elsewhere"])):
            case "odd":
                holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
            case "gone":
                del holder[key]
            case "wrapped":
                holder[key] = [holder[key]]
            case _:
                other, place = draw(st.sampled_from(_places(tree)))
                holder[key] = copy.deepcopy(other[place])
        if not _places(tree):
            break
    return tree


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Each node but the root, as its holder and its key there."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        children = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
        for key, child in children:
            found.append((node, key))
            waiting.append(child)
    return found
