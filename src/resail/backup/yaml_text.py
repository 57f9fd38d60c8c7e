"""Objects as YAML for people.

A string that any reader of YAML 1.1 or 1.2 could take for something else (``no``, ``1e3``, ``2020-01-01``, ``0o17``) is quoted,
since `kubectl apply` reads another dialect than Python does.
"""

import math
import re
from typing import Any

import yaml

__all__ = ["read_yaml_text", "yaml_text"]

_STRING = "tag:yaml.org,2002:str"
_PLAIN = re.compile(r"[A-Za-z/](?:[A-Za-z0-9_./@=,*+-]| (?=[A-Za-z0-9/(])|[()]|:(?=[A-Za-z0-9_/*]))*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""In whatever case: no strings for one dialect or another."""
_SPACE = dict.fromkeys(map(ord, "\n\t"))
_SMALLEST, _GREATEST = -(2**63), 2**64 - 1
"""Integers that JSON's readers hold."""
_NO_FOLDING = 2**31 - 1


def yaml_text(value: dict[str, Any]) -> str:
    """One document, keys sorted, without anchors and folded lines.

    Raises:
        TypeError: something in it is not of JSON.
    """
    if not _is_plain(value):
        raise TypeError("something in it is not of JSON")
    text: str = yaml.dump(value, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, width=_NO_FOLDING)
    return text


def read_yaml_text(text: str) -> dict[str, Any]:
    """Read what ``yaml_text`` wrote.

    Raises:
        ValueError: it is no such text.
    """
    try:
        value = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not YAML of a plain value ({type(error).__name__})") from error
    # What aliases stand for multiplies; each part of a value that is written out takes a character of its own.
    if not isinstance(value, dict) or not _is_plain(value, len(text)):
        raise ValueError("not YAML of one plain object")
    return value


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if not text.translate(_SPACE).isprintable():
        # Dialects differ in which of these break a line.
        return dumper.represent_scalar(_STRING, text, style='"')
    if "\n" in text:
        return dumper.represent_scalar(_STRING, text, style="|")
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return dumper.represent_scalar(_STRING, text, style=None if plain else "'")


_Dumper.add_representer(str, _string)


def _is_plain(value: Any, most: float = math.inf) -> bool:
    """Is it of JSON, and of no more than so many parts?"""
    rest = [value]
    while rest and most >= 0:
        most -= 1
        match rest.pop():
            case dict() as each if all(isinstance(key, str) for key in each):
                rest.extend(each.values())
            case list() | tuple() as each:
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
