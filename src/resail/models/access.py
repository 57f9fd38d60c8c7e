"""How a cluster is reached, for those who must reach it by another program; and what one may do there."""

from pathlib import Path

import msgspec

__all__ = ["EVERYTHING", "KubeAccess", "Permission"]


class KubeAccess(msgspec.Struct, frozen=True):
    """A kubeconfig and its context; ``None`` stands for the usual resolution of each."""

    kubeconfig: Path | None = None
    """None: ``KUBECONFIG``, then ``~/.kube/config``, then the in-cluster service account."""
    context: str | None = None
    """None: the current context."""


class Permission(msgspec.Struct, frozen=True, order=True):
    """A verb on a resource, as Kubernetes authorizes it."""

    group: str
    """API group; empty for the core one. ``*``: every one."""
    resource: str
    """``deployments``, ``pods/eviction``. ``*``: every one of the group."""
    verb: str
    """``get``, ``escalate`` … ``*``: every one."""
    namespace: str = ""
    """Empty: in all namespaces, or the resource is in none."""
    name: str = ""
    """Empty: whatever the object's name."""

    def wider(self) -> tuple["Permission", ...]:
        """Permissions that hold this one too, the widest first."""
        of_verb = Permission(self.group, "*", self.verb)
        of_resource = Permission(self.group, self.resource, self.verb)
        found = (EVERYTHING, of_verb, of_resource, msgspec.structs.replace(of_resource, namespace=self.namespace))
        return tuple(one for one in dict.fromkeys(found) if one != self)


EVERYTHING = Permission("*", "*", "*")
