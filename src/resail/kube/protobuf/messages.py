"""The messages of built-in kinds, with the fields that we read."""

import re
from functools import cache
from typing import Final

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from resail.models.identity import KindRef

__all__ = ["ABSENT", "message_of", "named"]

_MESSAGES: Final = {
    "ListMeta": "string resourceVersion = 2; string continue = 3",
    "Time": "int64 seconds = 1",
    "Quantity": "string string = 1",
    "IntOrString": "int64 type = 1; int32 intVal = 2; string strVal = 3",
    "ObjectMeta": (
        "string name = 1; string namespace = 3; string uid = 5; int64 generation = 7; Time creationTimestamp = 8; "
        "Time deletionTimestamp = 9; map<string, string> labels = 11; map<string, string> annotations = 12; "
        "repeated OwnerReference ownerReferences = 13"
    ),
    "OwnerReference": "string kind = 1; string name = 3; string apiVersion = 5; bool controller = 6",
    "LabelSelector": "map<string, string> matchLabels = 1; repeated LabelSelectorRequirement matchExpressions = 2",
    "LabelSelectorRequirement": "string key = 1; string operator = 2; repeated string values = 3",
    "Condition": "string type = 1; string status = 2; Time lastTransitionTime = 4",
    "Pod": "ObjectMeta metadata = 1; PodSpec spec = 2; PodStatus status = 3",
    "PodSpec": (
        "repeated Container containers = 2; string serviceAccountName = 8; string nodeName = 10; "
        "repeated Container initContainers = 20"
    ),
    "Container": "string name = 1; string image = 2; ResourceRequirements resources = 8; string restartPolicy = 24",
    "ResourceRequirements": "map<string, Quantity> limits = 1; map<string, Quantity> requests = 2",
    "PodStatus": "string phase = 1; repeated Condition conditions = 2; Time startTime = 7; repeated PodIP podIPs = 12",
    "PodIP": "string ip = 1",
    "PodTemplateSpec": "ObjectMeta metadata = 1; PodSpec spec = 2",
    "Deployment": "ObjectMeta metadata = 1; DeploymentSpec spec = 2; DeploymentStatus status = 3",
    "DeploymentSpec": (
        "int32 replicas = 1; PodTemplateSpec template = 3; DeploymentStrategy strategy = 4; int32 minReadySeconds = 5; "
        "bool paused = 7"
    ),
    "DeploymentStrategy": "string type = 1; RollingUpdate rollingUpdate = 2",
    "RollingUpdate": "IntOrString maxUnavailable = 1; IntOrString maxSurge = 2",
    "DeploymentStatus": "int32 readyReplicas = 7",
    "StatefulSet": "ObjectMeta metadata = 1; StatefulSetSpec spec = 2; StatefulSetStatus status = 3",
    "StatefulSetSpec": (
        "int32 replicas = 1; PodTemplateSpec template = 3; StatefulSetUpdateStrategy updateStrategy = 7; "
        "int32 minReadySeconds = 9"
    ),
    "StatefulSetUpdateStrategy": "string type = 1; RollingUpdateStatefulSetStrategy rollingUpdate = 2",
    "RollingUpdateStatefulSetStrategy": "int32 partition = 1; IntOrString maxUnavailable = 2",
    "StatefulSetStatus": "int32 readyReplicas = 3",
    "DaemonSet": "ObjectMeta metadata = 1; DaemonSetSpec spec = 2; DaemonSetStatus status = 3",
    "DaemonSetSpec": "PodTemplateSpec template = 2; DaemonSetUpdateStrategy updateStrategy = 3; int32 minReadySeconds = 4",
    "DaemonSetUpdateStrategy": "string type = 1; RollingUpdate rollingUpdate = 2",
    "DaemonSetStatus": "int32 desiredNumberScheduled = 3; int32 numberReady = 4",
    "ReplicaSet": "ObjectMeta metadata = 1; ReplicaSetSpec spec = 2; ReplicaSetStatus status = 3",
    "ReplicaSetSpec": "int32 replicas = 1; PodTemplateSpec template = 3; int32 minReadySeconds = 4",
    "ReplicaSetStatus": "int32 readyReplicas = 4",
    "Job": "ObjectMeta metadata = 1; JobSpec spec = 2; JobStatus status = 3",
    "JobSpec": "PodTemplateSpec template = 6",
    "JobStatus": "",
    "CronJob": "ObjectMeta metadata = 1; CronJobSpec spec = 2; CronJobStatus status = 3",
    "CronJobSpec": "JobTemplateSpec jobTemplate = 5",
    "CronJobStatus": "",
    "JobTemplateSpec": "JobSpec spec = 2",
    "PodDisruptionBudget": ("ObjectMeta metadata = 1; PodDisruptionBudgetSpec spec = 2; PodDisruptionBudgetStatus status = 3"),
    "PodDisruptionBudgetSpec": "IntOrString minAvailable = 1; LabelSelector selector = 2; IntOrString maxUnavailable = 3",
    "PodDisruptionBudgetStatus": (
        "int32 disruptionsAllowed = 3; int32 currentHealthy = 4; int32 desiredHealthy = 5; int32 expectedPods = 6"
    ),
    "HorizontalPodAutoscaler": "ObjectMeta metadata = 1; HorizontalPodAutoscalerSpec spec = 2",
    "HorizontalPodAutoscalerSpec": "CrossVersionObjectReference scaleTargetRef = 1; int32 minReplicas = 2; int32 maxReplicas = 3",
    "CrossVersionObjectReference": "string kind = 1; string name = 2; string apiVersion = 3",
    "Service": "ObjectMeta metadata = 1; ServiceSpec spec = 2",
    "ServiceSpec": "map<string, string> selector = 2",
    "EndpointSlice": "ObjectMeta metadata = 1; repeated Endpoint endpoints = 2",
    "Endpoint": "EndpointConditions conditions = 2",
    "EndpointConditions": "bool ready = 1",
    "Secret": "ObjectMeta metadata = 1",
    "Namespace": "ObjectMeta metadata = 1",
    "Node": "ObjectMeta metadata = 1; NodeStatus status = 3",
    "NodeStatus": "map<string, Quantity> allocatable = 2; repeated Condition conditions = 4; NodeSystemInfo nodeInfo = 7",
    "NodeSystemInfo": "string kubeletVersion = 7; string architecture = 10",
}
"""In the notation and with the numbers of Kubernetes' files ``generated.proto``, of ``k8s.io/api`` and ``k8s.io/apimachinery``.

A number that was given once stays for ever. Pods' and nodes' conditions, and the rolling updates of Deployments and DaemonSets,
are messages of their own there, alike in what is read here.
"""

ABSENT: Final = {
    "DeploymentSpec": "jobTemplate updateStrategy",
    "DeploymentStatus": "desiredNumberScheduled numberReady",
    "RollingUpdate": "partition",
    "StatefulSetSpec": "jobTemplate paused strategy",
    "StatefulSetStatus": "desiredNumberScheduled numberReady",
    "RollingUpdateStatefulSetStrategy": "maxSurge",
    "DaemonSetSpec": "jobTemplate paused replicas strategy",
    "DaemonSetStatus": "readyReplicas",
    "ReplicaSetSpec": "jobTemplate paused strategy updateStrategy",
    "ReplicaSetStatus": "desiredNumberScheduled numberReady",
    "JobSpec": "jobTemplate minReadySeconds paused replicas strategy updateStrategy",
    "JobStatus": "desiredNumberScheduled numberReady readyReplicas",
    "CronJobSpec": "minReadySeconds paused replicas strategy template updateStrategy",
    "CronJobStatus": "desiredNumberScheduled numberReady readyReplicas",
}
"""What a shape of several kinds asks for, and Kubernetes does not have in these messages."""

_KINDS: Final = {
    KindRef(version, kind)
    for version, kinds in {
        "v1": ("Pod", "Service", "Secret", "Namespace", "Node"),
        "apps/v1": ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"),
        "batch/v1": ("Job", "CronJob"),
        "policy/v1": ("PodDisruptionBudget",),
        "autoscaling/v2": ("HorizontalPodAutoscaler",),
        "discovery.k8s.io/v1": ("EndpointSlice",),
    }.items()
    for kind in kinds
}

_PACKAGE = "resail"
_FIELD = re.compile(r"(repeated )?(?:map<string, (\w+)>|(\w+)) (\w+) = (\d+)")
_SCALARS: Final = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
}


def message_of(kind: KindRef) -> type[Message] | None:
    """What an object of that kind is decoded as; None for kinds that are read as JSON."""
    return named(kind.kind) if kind in _KINDS else None


@cache
def named(name: str) -> type[Message]:
    """A message by its name."""
    return GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> DescriptorPool:
    # Of version 2, a message tells what was left out from what is empty or 0.
    file = FileDescriptorProto(name="resail/kubernetes.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for repeated, value, kind, field, number in _FIELD.findall(fields):
            if value:
                entry = _map_entry(message, field, value)
                _field(message, field, int(number), f"{name}.{entry}", repeated=True)
            else:
                _field(message, field, int(number), kind, repeated=bool(repeated))
    pool = DescriptorPool()
    pool.Add(file)
    return pool


def _map_entry(message: DescriptorProto, field: str, value: str) -> str:
    """The name of the message that holds one key and its value."""
    entry = message.nested_type.add(name=f"{field[0].upper()}{field[1:]}Entry")
    entry.options.map_entry = True
    _field(entry, "key", 1, "string")
    _field(entry, "value", 2, value)
    return entry.name


def _field(message: DescriptorProto, name: str, number: int, kind: str, *, repeated: bool = False) -> None:
    label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
