"""Who uses a ServiceAccount or a role."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["bindings", "users_of_account"]

_WORKLOADS = ("Deployment.apps", "DaemonSet.apps", "StatefulSet.apps")
_RBAC = "rbac.authorization.k8s.io"


def users_of_account(case: Case, namespace: str, name: str) -> Iterator[tuple[Manifest, str]]:
    """Workloads, and pods that nobody owns, that run as an account; with the path of the field that says so."""
    for kind in (*_WORKLOADS, "Pod"):
        spec = "spec" if kind == "Pod" else "spec.template.spec"
        for one in case.all(kind):
            owned = kind == "Pod" and any(find(one, "metadata.ownerReferences[*]"))
            path = f"{spec}.serviceAccountName"
            if not owned and first(one, "metadata.namespace") == namespace and first(one, path) == name:
                yield one, path


def bindings(case: Case) -> Iterator[Manifest]:
    """All bindings, of the cluster and of namespaces."""
    yield from case.all(f"ClusterRoleBinding.{_RBAC}")
    yield from case.all(f"RoleBinding.{_RBAC}")
