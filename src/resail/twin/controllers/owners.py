"""Who made whom."""

from typing import Any

from resail.models.identity import Manifest
from resail.twin.store import Key

__all__ = ["controller_of", "key_of", "owner_key", "reference_to"]


def key_of(kind: str, manifest: Manifest) -> Key:
    return Key(kind, manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])


def controller_of(manifest: Manifest) -> dict[str, Any] | None:
    owners = manifest["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def owner_key(manifest: Manifest, kind: str) -> list[Key]:
    """Of the controller that made it, where that is of this kind."""
    owner = controller_of(manifest)
    if owner is None or owner["kind"] != kind:
        return []
    return [Key(kind, manifest["metadata"].get("namespace", ""), owner["name"])]


def reference_to(owner: Manifest) -> dict[str, Any]:
    """For the ``ownerReferences`` of what it makes."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
