"""What the objects that stand for a mesh are made with."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from resail.installers.helm_storage import as_helm_applies
from resail.installers.rendered import without_values
from resail.installers.stored_releases import MANAGER as HELM
from resail.models.identity import Manifest, ObjectRef
from resail.models.istioctl_marks import MANAGER as ISTIOCTL
from resail.models.snapshot import MeshSnapshot, Ownership
from resail.models.stand_in import StandIn

__all__ = ["Released", "condition", "custom_definition", "marks_of", "released", "timestamp"]


class Released(msgspec.Struct, frozen=True):
    """An object that an installer applied."""

    manifest: Manifest
    """With the installer's marks; Secrets without values."""
    by: str
    """The installer's field manager."""

    def with_facts(self, manifest: Manifest, manager: str = "") -> StandIn:
        """It, and what else is known of it."""
        return StandIn(manifest, applied=self.manifest, applied_by=self.by, manager=manager)


def timestamp(moment: datetime) -> str:
    """As Kubernetes writes it: in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, holds: bool, since: datetime) -> dict[str, str]:
    """One of a status."""
    return {"type": kind, "status": "True" if holds else "False", "lastTransitionTime": timestamp(since)}


def released(snapshot: MeshSnapshot) -> dict[ObjectRef, Released]:
    """All objects of Helm releases and of istioctl."""
    by_helm = {
        ObjectRef.of(manifest): Released(as_helm_applies(without_values(manifest), release.name, release.namespace), HELM)
        for release in snapshot.helm_releases
        if release.installed
        for manifest in release.objects
    }
    by_istioctl = {
        ObjectRef.of(manifest): Released(without_values(manifest), ISTIOCTL)
        for component in snapshot.istioctl_components
        for manifest in component.objects
    }
    return by_helm | by_istioctl


def marks_of(owner: Ownership) -> dict[str, Any]:
    """Labels and annotations from which ``owner_of`` tells this owner again."""
    match owner.method:
        case "helm":
            namespace, _, name = owner.release.partition("/")
            return {"annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}}
        case "istioctl":
            return {"labels": {"operator.istio.io/version": "unknown"}}
        case "sail":
            owners = [{"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "unknown"}]
            return {"ownerReferences": owners}
        case _:
            return {}


def custom_definition(
    name: str, kind: str, versions: Mapping[str, bool], *, stored: str, namespaced: bool, since: datetime
) -> Manifest:
    """A CustomResourceDefinition that takes everything; ``versions``: name → is it served?"""
    plural, _, group = name.partition(".")
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "scope": "Namespaced" if namespaced else "Cluster",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [
                {"name": version, "served": served, "storage": version == stored, "schema": schema}
                for version, served in versions.items()
            ],
        },
        "status": {
            "storedVersions": [stored],
            "conditions": [condition(one, True, since) for one in ("NamesAccepted", "Established")],
        },
    }
