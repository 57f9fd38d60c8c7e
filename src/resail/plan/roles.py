"""Permissions as Roles and bindings, and in words."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from resail.models.access import Permission
from resail.models.identity import Manifest

__all__ = ["Subject", "in_words", "roles_for"]

_GROUP = "rbac.authorization.k8s.io"
_API = f"{_GROUP}/v1"


class Subject(msgspec.Struct, frozen=True, order=True):
    """Who is given the roles."""

    kind: Literal["User", "Group", "ServiceAccount"]
    name: str
    namespace: str = ""
    """Of a ServiceAccount."""


class _Rule(msgspec.Struct, frozen=True, order=True):
    """Each of the verbs on each of the resources of each of the API groups."""

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    names: tuple[str, ...]
    """Empty: whatever the object's name."""
    verbs: tuple[str, ...]
    namespaces: tuple[str, ...]
    """Empty: everywhere."""

    @classmethod
    def of(cls, one: Permission) -> "_Rule":
        names, namespaces = (one.name,) if one.name else (), (one.namespace,) if one.namespace else ()
        return cls((one.group,), (one.resource,), names, (one.verb,), namespaces)

    def written(self) -> dict[str, Any]:
        """As a Role has it."""
        rule: dict[str, Any] = {
            "apiGroups": list(self.groups),
            "resources": list(self.resources),
            "verbs": list(self.verbs),
        }
        return {**rule, "resourceNames": list(self.names)} if self.names else rule

    def __str__(self) -> str:
        what = ", ".join(f"{resource}.{group}" if group else resource for group in self.groups for resource in self.resources)
        where = f" in {', '.join(self.namespaces)}" if self.namespaces else ""
        which = f": {', '.join(self.names)}" if self.names else ""
        return f"{', '.join(self.verbs)} {what}{where}{which}"


def roles_for(
    permissions: Iterable[Permission], subjects: Sequence[Subject], *, name: str, labels: dict[str, str]
) -> tuple[Manifest, ...]:
    """A ClusterRole, a Role in each namespace, and their bindings where there are subjects: exactly the permissions, and no more.

    Args:
        permissions: what is to be allowed.
        subjects: whom the roles are bound to.
        name: of all roles and bindings.
        labels: of all of them.
    """
    rules = _merged(permissions, "verbs", "names", "resources", "groups")
    found: list[Manifest] = []
    for place in sorted({rule.namespaces for rule in rules}):
        metadata: dict[str, Any] = {"name": name, "labels": labels}
        if place:
            metadata["namespace"] = place[0]
        kind = "Role" if place else "ClusterRole"
        given = [rule.written() for rule in rules if rule.namespaces == place]
        found.append({"apiVersion": _API, "kind": kind, "metadata": metadata, "rules": given})
        if subjects:
            found.append(
                {
                    "apiVersion": _API,
                    "kind": f"{kind}Binding",
                    "metadata": metadata,
                    "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": name},
                    "subjects": [_written(subject) for subject in sorted(subjects)],
                }
            )
    return tuple(found)


def in_words(permissions: Iterable[Permission]) -> tuple[str, ...]:
    """``get, patch deployments.apps in shop: cart, orders``: few lines, for people."""
    return tuple(map(str, _merged(permissions, "verbs", "names", "namespaces", "resources", "groups")))


def _merged(permissions: Iterable[Permission], *fields: str) -> list[_Rule]:
    """As few rules as there are when those that differ in one field alone are one, field by field; sorted."""
    rules = set(map(_Rule.of, permissions))
    for field in fields:
        together: defaultdict[_Rule, set[str]] = defaultdict(set)
        for rule in rules:
            members: tuple[str, ...] = getattr(rule, field)
            # Empty stands for all, which is no member among others.
            together[msgspec.structs.replace(rule, **{field: ("",) if members else ()})].update(members)
        rules = {msgspec.structs.replace(rest, **{field: tuple(sorted(members))}) for rest, members in together.items()}
    return sorted(rules)


def _written(subject: Subject) -> dict[str, str]:
    if subject.kind == "ServiceAccount":
        return {"kind": subject.kind, "name": subject.name, "namespace": subject.namespace}
    return {"apiGroup": _GROUP, "kind": subject.kind, "name": subject.name}
