"""Of a release's CustomResourceDefinitions: their versions and fields."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml12

from resail.errors import ArtifactError
from resail.models.field_path import first
from resail.models.release_facts import CrdFacts

__all__ = ["definitions_of"]


class _Version(msgspec.Struct):
    name: str
    served: bool
    storage: bool
    schema: Any = None


class _Spec(msgspec.Struct):
    versions: list[_Version]


class _Metadata(msgspec.Struct):
    name: str


class _Definition(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec


def definitions_of(base: Path) -> dict[str, CrdFacts]:
    """By name, out of chart base.

    Raises:
        ArtifactError: a file cannot be read.
    """
    files = sorted([*base.glob("crds/*.yaml"), *base.glob("files/crd-*.yaml")])
    return dict(sorted((one.metadata.name, _facts(one.spec.versions)) for file in files for one in _definitions(file)))


def _definitions(file: Path) -> Iterator[_Definition]:
    try:
        documents: Any = yaml12.parse_yaml(file.read_text(), multi=True)
        for document in documents:
            if first(document, "kind") == "CustomResourceDefinition":
                yield msgspec.convert(document, _Definition)
    except (ValueError, OSError) as error:
        raise ArtifactError(f"it has no CRDs to read: {error}", on=str(file), next_step="get the release again") from error


def _facts(versions: list[_Version]) -> CrdFacts:
    fields: dict[str, Any] = {}
    for version in versions:
        _merge(fields, _fields(first(version.schema, "openAPIV3Schema.properties.spec")))
    return CrdFacts(
        storage=next((one.name for one in versions if one.storage), ""),
        served=tuple(one.name for one in versions if one.served),
        fields=fields,
    )


def _fields(schema: Any) -> dict[str, Any]:
    """The fields of an object's schema."""
    properties = first(schema, "properties")
    named = sorted(properties.items()) if isinstance(properties, dict) else []
    extra = first(schema, "additionalProperties")
    return dict(_field(name, below) for name, below in (*named, *([("*", extra)] if isinstance(extra, dict) else [])))


def _field(name: str, schema: Any) -> tuple[str, Any]:
    while first(schema, "type") == "array":
        name, schema = f"{name}[*]", first(schema, "items")
    return name, _fields(schema) or _type(schema)


def _type(schema: Any) -> str:
    return "int-or-string" if first(schema, "x-kubernetes-int-or-string") else str(first(schema, "type", ""))


def _merge(fields: dict[str, Any], others: dict[str, Any]) -> None:
    for name, below in others.items():
        if isinstance(below, dict) and isinstance(fields.get(name), dict):
            _merge(fields[name], below)
        else:
            fields.setdefault(name, below)
