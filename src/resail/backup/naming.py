"""What an object is called in whichever version of its kind."""

from collections.abc import Mapping
from typing import NamedTuple

from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import group_kind

__all__ = ["Name", "labels_of", "name_of"]


class Name(NamedTuple):
    """Installers name an object in one version of its kind, and it is listed in another."""

    kind: str
    """``group_kind``"""
    namespace: str
    name: str

    @classmethod
    def of(cls, ref: ObjectRef) -> "Name":
        return cls(group_kind(ref.api_version, ref.kind), ref.namespace, ref.name)


def name_of(manifest: Manifest) -> Name:
    """Of an object."""
    metadata = manifest["metadata"]
    return Name(group_kind(manifest["apiVersion"], manifest["kind"]), metadata.get("namespace", ""), metadata["name"])


def labels_of(manifest: Manifest) -> Mapping[str, str]:
    """Of an object."""
    return manifest["metadata"].get("labels") or {}
