"""Objects as YAML for people, in one way only: the same value gives the same bytes, whatever library is installed.

A string that any reader of YAML 1.1 or 1.2 could take for something else (``no``, ``1e3``, ``2020-01-01``, ``0o17``) is quoted,
since `kubectl apply` reads another dialect than Python does. There are no anchors, no tags and no folded lines.
"""

import functools
import math
import re
from typing import Any

import yaml

__all__ = ["read_yaml_text", "yaml_text"]

_PLAIN = re.compile(r"[A-Za-z/](?:[A-Za-z0-9_./@=,*+-]| (?=[A-Za-z0-9/(])|[()]|:(?=[A-Za-z0-9_/*]))*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""In whatever case: no strings for one dialect or another."""
_VISIBLE = r" -~\xa1-\u167f\u1681-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\ud7ff\ue000-\ufefe\uff00-\ufff0\U00010000-\U000effff"
"""Of a character class, fixed here since what is printable changes with Python. Nothing in it turns the reading direction."""
# One pattern with this class: compiling it takes 10 ms, of every command that may read or write a backup.
_HIDDEN = re.compile(f"[^{_VISIBLE}]")
_SPACE = dict.fromkeys(map(ord, "\n\t"))
_AMBIGUOUS_LINE = re.compile(r"^(?:\t|[ \t]+$)", re.MULTILINE)
"""Readers differ about tabs at its beginning, and about a line of spaces."""
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_SMALLEST, _GREATEST = -(2**63), 2**64 - 1
"""Integers that JSON's readers hold."""
_LONGEST_KEY = 500
"""Characters; readers look for the colon within the next 1024."""


def yaml_text(value: dict[str, Any]) -> str:
    """One document, keys sorted.

    Raises:
        TypeError: something in it is not of JSON.
    """
    lines: list[str] = []
    _write(value, "", "", lines)
    return "\n".join(lines) + "\n"


def read_yaml_text(text: str) -> dict[str, Any]:
    """Read what ``yaml_text`` wrote, or that of a later or earlier resail: one object that JSON can hold.

    Raises:
        ValueError: it is no such text.
    """
    try:
        value = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not YAML of a plain value ({type(error).__name__})") from error
    # What aliases stand for multiplies; each part of a value that is written out takes a character of its own.
    if not isinstance(value, dict) or not _is_plain(value, len(text)):
        raise ValueError("not YAML of one plain object")
    return value


def _write(value: Any, first: str, indent: str, lines: list[str]) -> None:
    """``first`` stands before what is written first, ``indent`` before each line after that."""
    match value:
        case dict() if value:
            for key in sorted(value):
                _write_entry(_string(key), value[key], first, indent, lines)
                first = indent
        case list() | tuple() if value:
            for each in value:
                _write(each, f"{first}- ", f"{indent}  ", lines)
                first = indent
        case str() if _is_literal(value):
            chomping = "-" if not value.endswith("\n") else "+" if value.endswith("\n\n") else ""
            lines.append(f"{first}|{chomping}")
            # The last line break is that of the line itself.
            lines.extend(f"{indent}{line}" if line else "" for line in value.removesuffix("\n").split("\n"))
        case _:
            lines.append(f"{first}{_scalar(value)}")


def _write_entry(key: str, value: Any, first: str, indent: str, lines: list[str]) -> None:
    if len(key) > _LONGEST_KEY:
        lines.append(f"{first}? {key}")
        first, key = indent, ""
    match value:
        case dict() if value:
            lines.append(f"{first}{key}:")
            _write(value, f"{indent}  ", f"{indent}  ", lines)
        case list() | tuple() if value:
            lines.append(f"{first}{key}:")
            _write(value, indent, indent, lines)
        case _:
            _write(value, f"{first}{key}: ", f"{indent}  ", lines)


def _is_literal(text: str) -> bool:
    """Can it be shown line by line? Not where it begins with a space, from which readers would tell the indentation."""
    return (
        "\n" in text and text[0] not in " \n" and not _HIDDEN.search(text.translate(_SPACE)) and not _AMBIGUOUS_LINE.search(text)
    )


def _scalar(value: Any) -> str:
    match value:
        case str():
            return _string(value)
        case bool():
            return "true" if value else "false"
        case int() if _SMALLEST <= value <= _GREATEST:
            return str(value)
        case float() if math.isfinite(value):
            text = repr(value)
            # YAML 1.1 wants a point in a number with an exponent.
            return text if "." in text or "e" not in text else text.replace("e", ".0e", 1)
        case None:
            return "null"
        case dict():
            return "{}"
        case list() | tuple():
            return "[]"
    raise TypeError(f"{type(value).__name__} is not of JSON")


@functools.lru_cache(maxsize=4096)
def _string(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if not _HIDDEN.search(text):
        return "'" + text.replace("'", "''") + "'"
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _HIDDEN.sub(lambda found: _NAMED.get(found[0]) or f"\\U{ord(found[0]):08x}", quoted) + '"'


def _is_plain(value: Any, most: int) -> bool:
    """Can JSON hold it, in no more than so many parts?"""
    rest = [value]
    while rest and most >= 0:
        most -= 1
        match rest.pop():
            case dict() as each if all(isinstance(key, str) for key in each):
                rest.extend(each.values())
            case list() as each:
                rest.extend(each)
            case None | str() | bool():
                pass
            case int() as each if _SMALLEST <= each <= _GREATEST:
                pass
            case float() as each if math.isfinite(each):
                pass
            case _:
                return False
    return not rest
