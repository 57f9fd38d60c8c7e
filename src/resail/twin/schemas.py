"""The schema of a custom kind: what it forbids, what it does not know, what it fills in.

The part of OpenAPI that CustomResourceDefinitions use, without rules in CEL:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["problems", "pruned"]

Schema = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def pruned(value: Any, schema: Schema) -> Any:
    """Without the fields that the schema does not know, and with its defaults."""
    if isinstance(value, list):
        return [pruned(item, schema.get("items") or {}) for item in value]
    if not isinstance(value, dict):
        return value
    known: Schema = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    open_ = bool(schema.get("x-kubernetes-preserve-unknown-fields")) or not (known or others is not None)
    found = {}
    for name, one in value.items():
        if name in known:
            found[name] = pruned(one, known[name])
        elif others:
            found[name] = pruned(one, others if isinstance(others, dict) else {})
        elif (open_ and schema.get("type") != "object") or schema.get("x-kubernetes-preserve-unknown-fields"):
            found[name] = one
    for name, inner in known.items():
        if "default" in inner and name not in found:
            found[name] = inner["default"]
    return found


def problems(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """Why the value does not fit."""
    if value is None and schema.get("nullable"):
        return
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, int | str):
            yield f"{path}: Invalid value: must be an integer or a string"
        return
    wanted = schema.get("type")
    if wanted and (not isinstance(value, _TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean")):
        yield f"{path}: Invalid value: {value!r}: must be of type {wanted}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: Unsupported value: {value!r}"
    yield from _of_branches(value, schema, path)
    if isinstance(value, dict):
        yield from _of_map(value, schema, path)
    elif isinstance(value, list):
        yield from _of_size(len(value), schema, "Items", path)
        for place, item in enumerate(value):
            yield from problems(item, schema.get("items") or {}, f"{path}[{place}]")
    elif isinstance(value, str):
        yield from _of_size(len(value), schema, "Length", path)
        if "pattern" in schema and not _fits(schema["pattern"], value):
            yield f"{path}: Invalid value: {value!r}: should match {schema['pattern']!r}"
    elif not isinstance(value, bool) and isinstance(value, int | float):
        if value < schema.get("minimum", value):
            yield f"{path}: Invalid value: {value}: should be greater than or equal to {schema['minimum']}"
        if value > schema.get("maximum", value):
            yield f"{path}: Invalid value: {value}: should be less than or equal to {schema['maximum']}"


def _of_branches(value: Any, schema: Schema, path: str) -> Iterator[str]:
    for branch in schema.get("allOf") or ():
        yield from problems(value, branch, path)
    for word, allowed in (("oneOf", range(1, 2)), ("anyOf", range(1, 1000))):
        branches = schema.get(word)
        if branches and sum(not any(problems(value, branch, path)) for branch in branches) not in allowed:
            many = "one and only one" if word == "oneOf" else "at least one"
            yield f"{path}: Invalid value: must validate {many} schema ({word})"
    if "not" in schema and not any(problems(value, schema["not"], path)):
        yield f"{path}: Invalid value: must not validate the schema (not)"


def _of_map(value: dict[str, Any], schema: Schema, path: str) -> Iterator[str]:
    for name in schema.get("required") or ():
        if name not in value:
            yield f"{path}.{name}: Required value".lstrip(".")
    known: Schema = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    for name, one in value.items():
        inner = known.get(name) or (others if isinstance(others, dict) else None)
        if inner:
            yield from problems(one, inner, f"{path}.{name}".lstrip("."))


def _of_size(size: int, schema: Schema, what: str, path: str) -> Iterator[str]:
    if size < schema.get(f"min{what}", 0):
        yield f"{path}: Invalid value: should have at least {schema[f'min{what}']}"
    if size > schema.get(f"max{what}", size):
        yield f"{path}: Too long: should have at most {schema[f'max{what}']}"


def _fits(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        # The server's regular expressions are of another dialect.
        return True
