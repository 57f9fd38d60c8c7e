"""What the resources of the Sail Operator wish, and what it says of them.

Their fields: ``api/v1`` of https://github.com/istio-ecosystem/sail-operator.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.snapshot import SailResource
from resail.snapshot.stored_kinds import stored_kind, stored_version

__all__ = ["SAIL_GROUP", "active_revision", "sail_resources", "unfinished"]

SAIL_GROUP = "sailoperator.io"

Lister = Callable[[KindRef], Awaitable[list[Manifest]]]


async def sail_resources(whole: Lister, crds: Sequence[Manifest]) -> tuple[SailResource, ...]:
    """All of them; none where the operator is not installed.

    Args:
        whole: lists a kind.
        crds: of the cluster.
    """
    own = [crd for crd in crds if crd["spec"]["group"] == SAIL_GROUP]
    found = await asyncio.gather(*(whole(stored_kind(crd)) for crd in own))
    resources = [
        _resource(manifest, _enumerated(stored_version(crd)))
        for crd, manifests in zip(own, found, strict=True)
        for manifest in manifests
    ]
    return tuple(sorted(resources, key=lambda resource: resource.ref))


def unfinished(manifest: Manifest) -> str:
    """What the operator has yet to do for a resource, in its own words; empty where nothing."""
    status = manifest.get("status") or {}
    if status.get("observedGeneration", 0) < manifest["metadata"].get("generation", 0):
        return "the operator has not seen it yet"
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    # A tag has no condition Ready: it is a webhook only.
    for name in ("Reconciled",) if manifest["kind"] == "IstioRevisionTag" else ("Reconciled", "Ready"):
        found = conditions.get(name)
        if found is None or found.get("status") != "True":
            reason = (found or {}).get("reason", "it is not told")
            message = (found or {}).get("message", "")
            return f"not {name}: {reason}" + (f" ({message})" if message else "")
    return ""


def active_revision(manifest: Manifest) -> str:
    """As a resource's status tells: of an Istio its active revision, of a tag the one that it stands for; else empty."""
    status = manifest.get("status") or {}
    return str(status.get("activeRevisionName") or status.get("istioRevision") or "")


def _resource(manifest: Manifest, versions: tuple[str, ...]) -> SailResource:
    owners = [owner["name"] for owner in manifest["metadata"].get("ownerReferences") or () if owner["kind"] == "Istio"]
    return SailResource(
        ref=ObjectRef.of(manifest),
        spec=manifest.get("spec") or {},
        owner=next(iter(owners), ""),
        active_revision=active_revision(manifest),
        problem=unfinished(manifest),
        known_versions=versions,
    )


def _enumerated(version: dict[str, Any]) -> tuple[str, ...]:
    schema: Any = version.get("schema") or {}
    for key in ("openAPIV3Schema", "properties", "spec", "properties", "version"):
        schema = schema.get(key) or {}
    return tuple(schema.get("enum") or ())
