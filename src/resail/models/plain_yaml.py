"""YAML that a person wrote, as far as JSON can hold it: what Helm and the API server could be given."""

import math
from typing import Any

import yaml

__all__ = ["read_yaml"]

_DEEPEST = 100
_LARGEST = 10_000_000
"""Characters, each value counted as so many more; what aliases stand for counts each time (a "billion laughs" is a few lines)."""
_EACH = 32

_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map", "merge")}
_SMALLEST, _GREATEST = -(2**63), 2**64 - 1
"""Integers that JSON's readers hold."""


def read_yaml(text: str) -> Any:
    """The one document of the text; None where there is none.

    A date is the text that stands there, as it is for Helm, and a key that is a number or a truth value its text.

    Raises:
        yaml.YAMLError: it is not YAML, or holds what JSON cannot; where it is known, ``problem_mark`` is the place.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _measure(node, {}, 0)
        return loader.construct_document(node)
    except ValueError as error:
        raise yaml.YAMLError(str(error)) from error


class _Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, words) for tag, words in resolvers if tag in _PLAIN]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        kind = node.tag.rpartition(":")[2]
        try:
            number = self.construct_yaml_int(node) if kind == "int" else self.construct_yaml_float(node)
        except ValueError as error:
            raise _at(node, f"{node.value[:40]!r} is not a number") from error
        if not (_SMALLEST <= number <= _GREATEST if kind == "int" else math.isfinite(number)):
            raise _at(node, f"{node.value[:40]} is a number that JSON cannot hold")
        return number

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if all(isinstance(key, str) for key in mapping):
            return mapping
        return {_text(node, key): value for key, value in mapping.items()}


for _name in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _Loader.construct_number)


def _measure(node: yaml.Node, known: dict[int, tuple[int, int]], depth: int) -> tuple[int, int]:
    """The size and the height of a node with all its aliases written out.

    Raises:
        yaml.MarkedYAMLError: it is too much, has no end, or is of a kind that JSON has not.
    """
    if id(node) not in known:
        if node.tag not in _PLAIN:
            raise _at(node, f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')} is not for plain values")
        # A node that holds itself is met again and again, ever deeper.
        below = [_measure(child, known, depth + 1) for child in _children(node)] if depth <= _DEEPEST else []
        own = len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        known[id(node)] = (_EACH + own + sum(size for size, _ in below), 1 + max((height for _, height in below), default=0))
    size, height = known[id(node)]
    if depth + height > _DEEPEST:
        raise _at(node, f"it is nested more than {_DEEPEST} deep, or within itself")
    if size > _LARGEST:
        raise _at(node, "it holds more than can be meant; do its aliases multiply?")
    return size, height


def _children(node: yaml.Node) -> list[yaml.Node]:
    match node:
        case yaml.MappingNode(value=pairs):
            return [child for pair in pairs for child in pair]
        case yaml.SequenceNode(value=items):
            return list(items)
        case _:
            return []


def _text(node: yaml.Node, key: Any) -> str:
    match key:
        case str():
            return key
        case bool():
            return str(key).lower()
        case int():
            return str(key)
        case _:
            raise _at(node, f"a key is {key!r}, and must be a text")


def _at(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
