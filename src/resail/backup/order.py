"""In which order the objects of a mesh are written back: one table, each row with its reason."""

from collections.abc import Collection

import msgspec

from resail.models.identity import ObjectRef
from resail.models.mesh_objects import CUSTOM_GROUPS, group_kind

__all__ = ["CONTROL_PLANE", "CUSTOM_RESOURCES", "DEFINITIONS", "MARKS", "NAMESPACES", "PLACES", "STAGES", "Stage", "place_of"]


class Stage(msgspec.Struct, frozen=True):
    """What is written at once; the next stage begins when all of it is."""

    name: str
    why: str
    """It comes after those before it, and before those after it."""
    kinds: tuple[str, ...] = ()
    """By ``group_kind``; empty for a stage that is made of other things than kinds."""


_ADMISSION = "admissionregistration.k8s.io"
_RBAC = "rbac.authorization.k8s.io"

STAGES = (
    Stage("namespaces", "everything else is in one", ("Namespace",)),
    Stage(
        "definitions",
        "no object of a kind is taken before the kind is served, which is waited for",
        ("CustomResourceDefinition.apiextensions.k8s.io",),
    ),
    Stage(
        "accounts and roles",
        "bindings name them, and pods run as them",
        ("ServiceAccount", f"ClusterRole.{_RBAC}", f"Role.{_RBAC}", "PriorityClass.scheduling.k8s.io"),
    ),
    Stage(
        "configuration",
        "istiod reads its CA and its settings when it starts, and without them makes new ones; no pod is to run for a moment "
        "without the quotas and network policies that it is under",
        (
            *(f"{kind}.{_RBAC}" for kind in ("ClusterRoleBinding", "RoleBinding")),
            *("ConfigMap", "Secret", "LimitRange", "ResourceQuota", "NetworkPolicy.networking.k8s.io"),
        ),
    ),
    Stage(
        "custom resources",
        "an istiod that starts without them would take routes and authorization from the proxies, and the webhooks that would "
        "judge them have no istiod behind them yet",
    ),
    Stage("services", "istiod is reached through its own, and its certificate names it", ("Service", "Endpoints")),
    Stage("control plane", "what follows is injected and judged by it; it is waited for until it is ready"),
    Stage("node agents", "pods that are injected may need CNI or ztunnel on their node", ("DaemonSet.apps",)),
    Stage(
        "injectors",
        "from here on pods are injected, or wait for it; before, one that fails closed would let no pod start",
        (f"MutatingWebhookConfiguration.{_ADMISSION}",),
    ),
    Stage("marks", "labels choose the injector, so it is there first; workloads whose pod template changes restart into it"),
    Stage(
        "workloads",
        "gateways get their proxy by injection",
        ("Deployment.apps", "StatefulSet.apps", "ReplicaSet.apps", "CronJob.batch", "Job.batch", "Pod"),
    ),
    Stage("the rest", "autoscalers and budgets act on workloads"),
    Stage(
        "guards",
        "one that fails closed would refuse what is written after it",
        (
            *(f"{kind}.{_ADMISSION}" for kind in ("ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy")),
            *(f"{kind}.{_ADMISSION}" for kind in ("ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy")),
            f"MutatingAdmissionPolicyBinding.{_ADMISSION}",
        ),
    ),
)

PLACES = {stage.name: place for place, stage in enumerate(STAGES)}
_PLACES_OF_KINDS = {kind: place for place, stage in enumerate(STAGES) for kind in stage.kinds}

NAMESPACES = PLACES["namespaces"]
DEFINITIONS = PLACES["definitions"]
CUSTOM_RESOURCES = PLACES["custom resources"]
CONTROL_PLANE = PLACES["control plane"]
MARKS = PLACES["marks"]


def place_of(ref: ObjectRef, control_planes: Collection[ObjectRef]) -> int:
    """The place in ``STAGES`` of the stage in which an object is written; ``control_planes`` are the Deployments of istiods."""
    if ref in control_planes:
        return CONTROL_PLANE
    if ref.kind_ref.group.endswith(CUSTOM_GROUPS):
        return CUSTOM_RESOURCES
    return _PLACES_OF_KINDS.get(group_kind(ref.api_version, ref.kind), PLACES["the rest"])
