"""Of a release's CustomResourceDefinitions: their versions and fields."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml12

from resail.errors import ArtifactError
from resail.models.field_path import first
from resail.models.release_facts import CrdFacts

__all__ = ["definitions_of"]


def definitions_of(base: Path) -> dict[str, CrdFacts]:
    """By name, out of chart base.

    Raises:
        ArtifactError: a file cannot be read.
    """
    files = sorted([*base.glob("crds/*.yaml"), *base.glob("files/crd-*.yaml")])
    return dict(sorted((one["metadata"]["name"], _facts(one)) for file in files for one in _definitions(file)))


def _definitions(file: Path) -> Iterator[dict[str, Any]]:
    try:
        documents: Any = yaml12.parse_yaml(file.read_text(), multi=True)
    except (ValueError, OSError) as error:
        raise ArtifactError(f"it is not YAML: {error}", on=str(file), next_step="get the release again") from error
    for document in documents:
        if first(document, "kind") == "CustomResourceDefinition" and isinstance(first(document, "metadata.name"), str):
            yield document


def _facts(definition: dict[str, Any]) -> CrdFacts:
    versions = [one for one in first(definition, "spec.versions", []) if isinstance(one, dict)]
    fields: dict[str, Any] = {}
    for version in versions:
        _merge(fields, _fields(first(version, "schema.openAPIV3Schema.properties.spec", {})))
    return CrdFacts(
        storage=next((one["name"] for one in versions if one.get("storage")), ""),
        served=tuple(one["name"] for one in versions if one.get("served")),
        fields=fields,
    )


def _fields(schema: Any) -> dict[str, Any]:
    """The fields of an object's schema."""
    fields = {}
    for name, below in sorted((first(schema, "properties") or {}).items()):
        while first(below, "type") == "array":
            name, below = f"{name}[*]", first(below, "items", {})
        fields[name] = _fields(below) or _type(below)
    extra = first(schema, "additionalProperties")
    if isinstance(extra, dict):
        while first(extra, "type") == "array":
            extra = first(extra, "items", {})
        fields["*"] = _fields(extra) or _type(extra)
    return fields


def _type(schema: Any) -> str:
    return "int-or-string" if first(schema, "x-kubernetes-int-or-string") else str(first(schema, "type", ""))


def _merge(fields: dict[str, Any], others: dict[str, Any]) -> None:
    for name, below in others.items():
        if isinstance(below, dict) and isinstance(fields.get(name), dict):
            _merge(fields[name], below)
        else:
            fields.setdefault(name, below)
