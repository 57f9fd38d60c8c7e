"""The version of a custom kind that is stored, and so can be read."""

from typing import Any

from resail.models.identity import KindRef, Manifest

__all__ = ["stored_kind", "stored_version"]


def stored_version(crd: Manifest) -> dict[str, Any]:
    """That version, as the CustomResourceDefinition has it."""
    return next(version for version in crd["spec"]["versions"] if version["storage"])


def stored_kind(crd: Manifest) -> KindRef:
    """The kind in that version."""
    spec = crd["spec"]
    return KindRef(f"{spec['group']}/{stored_version(crd)['name']}", spec["names"]["kind"])
