"""Paths of fields: where in an object something stands.

``spec.ports[0].targetPort``; a member of a list by its index, or by a field of it, ``containers[name=discovery]``; ``[*]`` for
every member of a list and ``*`` for every key of a mapping, in patterns only. Keys with dots need no quotes
(``metadata.labels.istio.io/rev``): the longest key that is there is taken. A text that holds YAML or JSON is walked into, as
the mesh configuration in ``data.mesh`` of ConfigMap ``istio``.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec
import yaml

from resail.models.plain_yaml import read_yaml

__all__ = ["Field", "find", "first", "resolve"]

_MEMBER = re.compile(r"\[([^\]]*)\]")


class Field(msgspec.Struct, frozen=True):
    """A field that is there."""

    path: str
    """Without patterns: what ``resolve`` takes."""
    value: Any


def find(value: Any, pattern: str) -> Iterator[Field]:
    """The fields that a pattern leads to; none where the object has another shape. Never raises.

    Args:
        value: an object, or any part of one.
        pattern: ``spec.http[*].route[*].destination.host``
    """
    yield from _walk(value, pattern, "")


def first(value: Any, pattern: str, default: Any = None) -> Any:
    """The value of the first field that a pattern leads to."""
    return next((field.value for field in find(value, pattern)), default)


def resolve(value: Any, path: str) -> Any:
    """What stands at a path.

    Raises:
        LookupError: nothing does.
    """
    for field in find(value, path):
        return field.value
    raise LookupError(f"there is nothing at {path}")


def _walk(value: Any, rest: str, path: str) -> Iterator[Field]:
    if not rest:
        yield Field(path, value)
    elif isinstance(value, str):
        parsed = _parsed(value)
        if isinstance(parsed, dict | list):
            yield from _walk(parsed, rest, path)
    elif rest.startswith("["):
        yield from _members(value, rest, path)
    elif isinstance(value, dict):
        yield from _keys(value, rest, path)


def _members(value: Any, rest: str, path: str) -> Iterator[Field]:
    matched = _MEMBER.match(rest)
    if matched is None or not isinstance(value, list):
        return
    wanted, rest = matched[1], rest[matched.end() :].removeprefix(".")
    key, equals, name = wanted.partition("=")
    for index, member in enumerate(value):
        if equals:
            if isinstance(member, dict) and str(member.get(key)) == name:
                yield from _walk(member, rest, f"{path}[{wanted}]")
                return
        elif wanted in ("*", str(index)):
            yield from _walk(member, rest, f"{path}[{index}]")


def _keys(value: dict[str, Any], rest: str, path: str) -> Iterator[Field]:
    if rest == "*" or rest.startswith(("*.", "*[")):
        for key in value:
            yield from _walk(value[key], rest[1:].removeprefix("."), _joined(path, key))
        return
    fitting = [key for key in value if isinstance(key, str) and key and _begins(rest, key)]
    if fitting:
        key = max(fitting, key=len)
        yield from _walk(value[key], rest[len(key) :].removeprefix("."), _joined(path, key))


def _begins(rest: str, key: str) -> bool:
    return rest == key or rest.startswith((f"{key}.", f"{key}["))


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


@lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    try:
        return read_yaml(text)
    except yaml.YAMLError:
        return None
