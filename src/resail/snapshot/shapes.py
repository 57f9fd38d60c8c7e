"""The parts of Kubernetes objects that a snapshot is made of: lists are decoded straight into these."""

from datetime import datetime

import msgspec

from resail.models.identity import ObjectRef
from resail.models.selector import Selector

__all__ = [
    "Autoscaler",
    "Budget",
    "ConfigMapShape",
    "Container",
    "Controller",
    "EndpointSliceShape",
    "HelmReleaseShape",
    "NamespaceShape",
    "NodeShape",
    "OwnedShape",
    "Owner",
    "PodShape",
    "SecretShape",
    "ServiceShape",
]


class _Shape(msgspec.Struct, rename="camel", gc=False):
    """Unknown fields are skipped while decoding. There are many, and none leads back to itself: the collector skips them."""


class Owner(_Shape):
    api_version: str
    kind: str
    name: str
    controller: bool = False

    def works_for(self, kind: str, name: str) -> bool:
        """Is it this workload, or the ReplicaSet of this Deployment, which has its name and a hash?"""
        between = (kind, self.kind) == ("Deployment", "ReplicaSet")
        return (self.name.rpartition("-")[0] if between else self.name) == name and (between or self.kind == kind)


class _Metadata(_Shape):
    name: str
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[Owner] = []
    creation_timestamp: datetime | None = None
    deletion_timestamp: str | None = None
    generation: int = 0

    @property
    def owner(self) -> Owner | None:
        """The controller that made the object."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class _Resources(_Shape):
    requests: dict[str, str | int | float] = {}
    limits: dict[str, str | int | float] = {}


class Container(_Shape):
    name: str
    image: str = ""
    resources: _Resources = msgspec.field(default_factory=_Resources)
    restart_policy: str = ""
    """Of an init container: ``Always`` where it is a native sidecar."""


class _Condition(_Shape):
    type: str
    status: str
    last_transition_time: datetime | None = None


class _PodSpec(_Shape):
    containers: list[Container] = []
    init_containers: list[Container] = []
    node_name: str = ""
    service_account_name: str = ""

    @property
    def all_containers(self) -> list[Container]:
        return [*self.containers, *self.init_containers]


class _Address(_Shape):
    ip: str = ""


class _PodStatus(_Shape):
    phase: str = ""
    conditions: list[_Condition] = []
    start_time: str | None = None
    pod_ips: list[_Address] = msgspec.field(default_factory=list, name="podIPs")


class PodShape(_Shape):
    metadata: _Metadata
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)

    @property
    def ready(self) -> bool:
        return any(condition.type == "Ready" and condition.status == "True" for condition in self.status.conditions)

    @property
    def ready_seconds(self) -> float | None:
        """From its creation to when it last got ready; None where it is not ready."""
        created = self.metadata.creation_timestamp
        since = next((one.last_transition_time for one in self.status.conditions if one.type == "Ready"), None)
        return (since - created).total_seconds() if self.ready and created and since else None

    @property
    def proxy(self) -> Container | None:
        """The sidecar (in an init container where it is a native one), or a gateway's proxy."""
        return next((container for container in self.spec.all_containers if container.name == "istio-proxy"), None)


class OwnedShape(_Shape):
    """ReplicaSet or Job: what stands between a workload and its pods."""

    metadata: _Metadata


class _TemplateMetadata(_Shape):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Template(_Shape):
    metadata: _TemplateMetadata = msgspec.field(default_factory=_TemplateMetadata)
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)


class _RollingUpdate(_Shape):
    max_unavailable: int | str | None = None
    max_surge: int | str | None = None
    partition: int = 0


class _Strategy(_Shape):
    type: str = ""
    rolling_update: _RollingUpdate | None = None


class _JobSpec(_Shape):
    template: Template = msgspec.field(default_factory=Template)


class _JobTemplate(_Shape):
    spec: _JobSpec = msgspec.field(default_factory=_JobSpec)


class _ControllerSpec(_Shape):
    replicas: int = 1
    paused: bool = False
    min_ready_seconds: int = 0
    strategy: _Strategy | None = None
    """Of a Deployment."""
    update_strategy: _Strategy | None = None
    """Of a StatefulSet or DaemonSet."""
    template: Template = msgspec.field(default_factory=Template)
    job_template: _JobTemplate | None = None
    """Of a CronJob."""


class _ControllerStatus(_Shape):
    ready_replicas: int = 0
    number_ready: int = 0
    desired_number_scheduled: int = 0


class Controller(_Shape):
    """Deployment, StatefulSet, DaemonSet, CronJob, Job or ReplicaSet."""

    metadata: _Metadata
    spec: _ControllerSpec = msgspec.field(default_factory=_ControllerSpec)
    status: _ControllerStatus = msgspec.field(default_factory=_ControllerStatus)


class _BudgetSpec(_Shape):
    selector: Selector | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None


class _BudgetStatus(_Shape):
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    disruptions_allowed: int = 0


class Budget(_Shape):
    metadata: _Metadata
    spec: _BudgetSpec = msgspec.field(default_factory=_BudgetSpec)
    status: _BudgetStatus = msgspec.field(default_factory=_BudgetStatus)


class _ScaleTarget(_Shape):
    kind: str
    name: str
    api_version: str = ""


class _AutoscalerSpec(_Shape):
    scale_target_ref: _ScaleTarget
    max_replicas: int
    min_replicas: int = 1


class Autoscaler(_Shape):
    metadata: _Metadata
    spec: _AutoscalerSpec

    @property
    def target(self) -> ObjectRef:
        target = self.spec.scale_target_ref
        return ObjectRef(target.api_version, target.kind, self.metadata.namespace, target.name)


class _ServiceSpec(_Shape):
    selector: dict[str, str] = {}


class ServiceShape(_Shape):
    metadata: _Metadata
    spec: _ServiceSpec = msgspec.field(default_factory=_ServiceSpec)


class _EndpointConditions(_Shape):
    ready: bool = True
    """Where nothing is said, the API means yes."""


class _Endpoint(_Shape):
    conditions: _EndpointConditions = msgspec.field(default_factory=_EndpointConditions)


class EndpointSliceShape(_Shape):
    metadata: _Metadata
    endpoints: list[_Endpoint] | None = None

    @property
    def service(self) -> str:
        return self.metadata.labels.get("kubernetes.io/service-name", "")

    @property
    def ready(self) -> int:
        """Endpoints that take traffic."""
        return sum(endpoint.conditions.ready for endpoint in self.endpoints or ())


class _HelmReleaseSpec(_Shape):
    release_name: str = ""
    target_namespace: str = ""


class HelmReleaseShape(_Shape):
    """Of Flux."""

    metadata: _Metadata
    spec: _HelmReleaseSpec = msgspec.field(default_factory=_HelmReleaseSpec)

    @property
    def release(self) -> str:
        """The Helm release that it makes, ``namespace/name``.

        Names of more than 53 characters, which Flux shortens, are not foretold.

        Source: https://fluxcd.io/flux/components/helm/helmreleases/#release-name
        """
        target, name = self.spec.target_namespace, self.metadata.name
        made = self.spec.release_name or (f"{target}-{name}" if target else name)
        return f"{target or self.metadata.namespace}/{made}"


class ConfigMapShape(_Shape):
    metadata: _Metadata
    data: dict[str, str] = {}


class _FieldManager(_Shape):
    manager: str = ""
    operation: str = ""
    time: str | None = None


class _ManagedMetadata(_Metadata):
    managed_fields: list[_FieldManager] = []


class SecretShape(_Shape):
    """Its keys and values are not decoded."""

    metadata: _ManagedMetadata
    type: str = ""


class NamespaceShape(_Shape):
    metadata: _Metadata


class _NodeInfo(_Shape):
    kubelet_version: str = ""
    architecture: str = ""


class _NodeStatus(_Shape):
    allocatable: dict[str, str] = {}
    conditions: list[_Condition] = []
    node_info: _NodeInfo = msgspec.field(default_factory=_NodeInfo)


class NodeShape(_Shape):
    metadata: _Metadata
    status: _NodeStatus = msgspec.field(default_factory=_NodeStatus)
