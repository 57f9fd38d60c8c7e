"""The Sail Operator's custom kinds: the fields that an upgrade reads or writes, with their types and rules.

Source: the types in ``api/v1`` of https://github.com/istio-ecosystem/sail-operator, version 1.x.
"""

from collections.abc import Sequence
from typing import Any

from resail.models.identity import Manifest

__all__ = ["GROUP", "definitions"]

GROUP = "sailoperator.io"

_OPEN: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "format": "int64"}


def definitions(versions: Sequence[str]) -> list[Manifest]:
    """The CustomResourceDefinitions of an operator.

    Args:
        versions: those of Istio that it can install, as it writes them: ``v1.26.0``.
    """
    version = {"type": "string", "enum": list(versions)}
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
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
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
