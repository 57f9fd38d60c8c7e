"""The Sail Operator's custom kinds: the fields that an upgrade reads or writes, with their types and rules.

Source: the types in ``api/v1`` of https://github.com/istio-ecosystem/sail-operator, version 1.x.
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from resail.models.identity import Manifest
from resail.models.snapshot import MeshSnapshot, SailResource
from resail.models.stand_in import StandIn
from resail.snapshot.sail import SAIL_GROUP
from resail.snapshot.stand_in.model import condition

__all__ = ["sail_kinds", "sail_objects"]

_OPEN: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "format": "int64"}


def sail_kinds(versions: Sequence[str]) -> list[Manifest]:
    """The CustomResourceDefinitions of an operator.

    Args:
        versions: those of Istio that it can install, as it writes them: ``v1.26.0``.
    """
    version = {"type": "string", **({"enum": list(versions)} if versions else {})}
    strategy = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["InPlace", "RevisionBased"], "default": "InPlace"},
            "inactiveRevisionDeletionGracePeriodSeconds": {**_COUNT, "minimum": 0},
            "updateWorkloads": {"type": "boolean"},
        },
    }
    target = {
        "type": "object",
        "required": ["kind", "name"],
        "properties": {
            "kind": {"type": "string", "enum": ["Istio", "IstioRevision"]},
            "name": {"type": "string", "minLength": 1},
        },
    }
    installed = {"version": version, "namespace": _TEXT, "profile": _TEXT, "values": _OPEN}
    active = {"activeRevisionName": _TEXT, "revisions": _OPEN}
    pointed = {"istioRevision": _TEXT, "istiodNamespace": _TEXT}
    return [
        _definition("Istio", "istios", {**installed, "updateStrategy": strategy}, active),
        _definition("IstioRevision", "istiorevisions", {**installed, "type": _TEXT}, {}),
        _definition("IstioRevisionTag", "istiorevisiontags", {"targetRef": target}, pointed),
        _definition("IstioCNI", "istiocnis", installed, {}),
        _definition("ZTunnel", "ztunnels", installed, {}),
    ]


def _definition(kind: str, plural: str, spec: dict[str, Any], status: dict[str, Any]) -> Manifest:
    condition = {
        "type": "object",
        "properties": dict.fromkeys(("type", "status", "reason", "message", "lastTransitionTime"), _TEXT),
    }
    told = {"observedGeneration": _COUNT, "state": _TEXT, "conditions": {"type": "array", "items": condition}, **status}
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": spec}, "status": {"type": "object", "properties": told}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{SAIL_GROUP}"},
        "spec": {
            "group": SAIL_GROUP,
            "scope": "Cluster",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def sail_objects(snapshot: MeshSnapshot, since: datetime) -> Iterator[StandIn]:
    """The operator's kinds with their resources, where there are any."""
    if not snapshot.sail_resources:
        return
    versions = next((one.known_versions for one in snapshot.sail_resources if one.known_versions), ())
    for definition in sail_kinds(versions):
        established = [condition(one, True, since) for one in ("NamesAccepted", "Established")]
        yield StandIn({**definition, "status": {"storedVersions": ["v1"], "conditions": established}})
    for resource in snapshot.sail_resources:
        yield StandIn(_object(resource, since))


def _object(resource: SailResource, since: datetime) -> Manifest:
    metadata: dict[str, Any] = {"name": resource.ref.name, "generation": 1, "uid": _uid(resource.ref.kind, resource.ref.name)}
    if resource.owner:
        owner = {"apiVersion": resource.ref.api_version, "kind": "Istio", "name": resource.owner}
        metadata["ownerReferences"] = [{**owner, "uid": _uid("Istio", resource.owner), "controller": True}]
    active = {"IstioRevisionTag": "istioRevision", "Istio": "activeRevisionName"}.get(resource.ref.kind)
    return {
        "apiVersion": resource.ref.api_version,
        "kind": resource.ref.kind,
        "metadata": metadata,
        "spec": resource.spec,
        "status": {
            **_said(resource.problem, since),
            **({active: resource.active_revision} if active and resource.active_revision else {}),
        },
    }


def _said(problem: str, since: datetime) -> dict[str, Any]:
    """What ``unfinished`` tells the problem of."""
    conditions = [condition(name, f"not {name}" not in problem, since) for name in ("Reconciled", "Ready")]
    reason = problem.partition(": ")[2]
    told = [one if one["status"] == "True" else {**one, "reason": reason} for one in conditions]
    return {"observedGeneration": 0 if problem.startswith("the operator") else 1, "conditions": told}


def _uid(kind: str, name: str) -> str:
    """The same each time, so that what belongs to it can say so."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{kind}.{SAIL_GROUP}"))
