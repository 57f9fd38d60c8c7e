"""What a Role or ClusterRole grants, read as Kubernetes reads it."""

from resail.models.access import Permission
from resail.models.identity import Manifest

__all__ = ["granted_by"]


def granted_by(role: Manifest) -> set[Permission]:
    """Each permission of each rule; nothing of what is no role."""
    namespace = role["metadata"].get("namespace", "")
    return {
        Permission(group, resource, verb, namespace, name)
        for rule in role.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }
