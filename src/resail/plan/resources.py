"""The names under which the API serves kinds: ``deployments`` for Deployment."""

from collections.abc import Mapping

from resail.models.identity import KindRef, ObjectRef
from resail.models.plan import Change, PlanFiles

__all__ = ["Plurals", "changed_crds", "plurals_of", "resource_of"]

Plurals = Mapping[tuple[str, str], str]
"""Group and kind of a custom resource → its plural."""

_IRREGULAR = {"Endpoints": "endpoints", "NetworkAttachmentDefinition": "network-attachment-definitions"}
"""The latter is what the CNI chart has on OpenShift."""


def plurals_of(files: PlanFiles) -> Plurals:
    """What the CustomResourceDefinitions of a plan say. Of one that others own in part it has an excerpt, too, which may not."""
    specs = (
        manifest.get("spec") or {}
        for objects in files.manifests.values()
        for manifest in objects
        if manifest["kind"] == "CustomResourceDefinition"
    )
    return {
        (spec["group"], spec["names"]["kind"]): spec["names"]["plural"] for spec in specs if {"group", "names"} <= spec.keys()
    }


def changed_crds(change: Change) -> tuple[ObjectRef, ...]:
    """The CustomResourceDefinitions that are there and become others."""
    return tuple(one.object for one in change.objects if one.object.kind == "CustomResourceDefinition" and one.change == "change")


def resource_of(kind: KindRef, plurals: Plurals) -> str:
    """The plural of a kind, by the rule of Kubernetes where no definition is known.

    The rule is ``UnsafeGuessKindToResource`` in its apimachinery; it holds for all built-in kinds but Endpoints.
    """
    known = plurals.get((kind.group, kind.kind)) or _IRREGULAR.get(kind.kind)
    if known:
        return known
    name = kind.kind.lower()
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
