"""Objects that set every field that resail reads of built-in kinds, and others that leave out what they can."""

from typing import Any

from resail.models.identity import KindRef, Manifest

__all__ = ["OBJECTS", "STATUSES"]

_LABELS = {"app": "full"}
_FULL: Manifest = {
    "name": "full",
    "labels": {**_LABELS, "empty": ""},
    "annotations": {"resail.dev/text": "ü\n"},
    "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "other", "uid": "1", "controller": True}],
}
_RESOURCES = {"requests": {"cpu": "1500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
_CONTAINER = {"name": "main", "image": "registry.example.com/a:1", "resources": _RESOURCES}
_POD = {
    "containers": [_CONTAINER],
    "initContainers": [{"name": "init", "image": "b", "restartPolicy": "Always"}],
    "nodeName": "full",
    "serviceAccountName": "default",
}
_TEMPLATE: Manifest = {"metadata": {"labels": _LABELS, "annotations": {"a": "b"}}, "spec": _POD}
_JOB_TEMPLATE: Manifest = {"metadata": {"labels": _LABELS}, "spec": {**_POD, "restartPolicy": "Never"}}
_PLAIN: Manifest = {"metadata": {"labels": _LABELS}, "spec": {"containers": [{"name": "main", "image": "a"}]}}
_SELECTOR = {"matchLabels": _LABELS}
_EXPRESSIONS = {
    "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "app", "operator": "Exists"},
    ]
}
_TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "full"}
_ENDPOINT: dict[str, Any] = {"addresses": ["10.0.0.1"]}


def _both(full: Manifest, plain: Manifest, *others: Manifest) -> list[Manifest]:
    named = [{"metadata": {"name": f"other-{number}"}, **other} for number, other in enumerate(others)]
    return [{"metadata": _FULL, **full}, {"metadata": {"name": "plain"}, **plain}, *named]


OBJECTS: dict[KindRef, list[Manifest]] = {
    KindRef("v1", "Node"): _both({}, {}),
    KindRef("v1", "Namespace"): _both({}, {}),
    KindRef("v1", "Secret"): _both({"stringData": {"key": "value"}}, {}),
    KindRef("v1", "Pod"): [
        {"metadata": {**_FULL, "finalizers": ["resail.dev/kept"]}, "spec": _POD},
        {"metadata": {"name": "plain"}, "spec": _PLAIN["spec"]},
    ],
    KindRef("v1", "Service"): _both(
        {"spec": {"selector": _LABELS, "ports": [{"port": 80}]}}, {"spec": {"ports": [{"port": 80}]}}
    ),
    KindRef("apps/v1", "Deployment"): _both(
        {
            "spec": {
                "replicas": 4,
                "paused": True,
                "minReadySeconds": 3,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "20%", "maxUnavailable": 0}},
                "selector": _SELECTOR,
                "template": _TEMPLATE,
            }
        },
        {"spec": {"selector": _SELECTOR, "template": _PLAIN}},
        {"spec": {"replicas": 0, "strategy": {"type": "Recreate"}, "selector": _SELECTOR, "template": _PLAIN}},
    ),
    KindRef("apps/v1", "StatefulSet"): _both(
        {
            "spec": {
                "replicas": 4,
                "minReadySeconds": 3,
                "serviceName": "full",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
                "selector": _SELECTOR,
                "template": _TEMPLATE,
            }
        },
        {"spec": {"serviceName": "plain", "selector": _SELECTOR, "template": _PLAIN}},
        {"spec": {"updateStrategy": {"type": "OnDelete"}, "serviceName": "o", "selector": _SELECTOR, "template": _PLAIN}},
    ),
    KindRef("apps/v1", "DaemonSet"): _both(
        {
            "spec": {
                "minReadySeconds": 3,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "10%"}},
                "selector": _SELECTOR,
                "template": _TEMPLATE,
            }
        },
        {"spec": {"selector": _SELECTOR, "template": _PLAIN}},
    ),
    KindRef("apps/v1", "ReplicaSet"): _both(
        {"spec": {"replicas": 4, "minReadySeconds": 3, "selector": _SELECTOR, "template": _TEMPLATE}},
        {"spec": {"replicas": 0, "selector": _SELECTOR, "template": _PLAIN}},
    ),
    KindRef("batch/v1", "Job"): _both(
        {"spec": {"template": _JOB_TEMPLATE}}, {"spec": {"template": {"spec": {**_PLAIN["spec"], "restartPolicy": "Never"}}}}
    ),
    KindRef("batch/v1", "CronJob"): _both(
        {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": _JOB_TEMPLATE}}}},
        {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": _JOB_TEMPLATE}}}},
    ),
    KindRef("policy/v1", "PodDisruptionBudget"): _both(
        {"spec": {"minAvailable": "50%", "selector": {**_SELECTOR, **_EXPRESSIONS}}},
        {"spec": {}},
        {"spec": {"maxUnavailable": 0, "selector": {}}},
        {"spec": {"minAvailable": 3, "selector": _SELECTOR}},
    ),
    KindRef("autoscaling/v2", "HorizontalPodAutoscaler"): _both(
        {"spec": {"scaleTargetRef": _TARGET, "minReplicas": 3, "maxReplicas": 7}},
        {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "plain"}, "maxReplicas": 2}},
    ),
    KindRef("discovery.k8s.io/v1", "EndpointSlice"): _both(
        {
            "addressType": "IPv4",
            "endpoints": [
                {**_ENDPOINT, "conditions": {"ready": True}},
                {**_ENDPOINT, "conditions": {"ready": False}},
                _ENDPOINT,
            ],
        },
        {"addressType": "IPv4", "endpoints": []},
    ),
}
"""Kind → its objects as they are created: one in full, one with as little as the API takes, and others."""

_CONDITION = {"type": "Ready", "status": "True", "lastTransitionTime": "2024-02-29T23:59:59Z"}
_READY = {"replicas": 4, "readyReplicas": 2, "fullyLabeledReplicas": 4}
_INFO = dict.fromkeys(
    ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion", "kubeProxyVersion"), ""
)
STATUSES: dict[KindRef, Manifest] = {
    KindRef("v1", "Node"): {
        "allocatable": {"cpu": "7910m", "memory": "16Gi"},
        "conditions": [{**_CONDITION, "reason": "r", "message": "m"}],
        "nodeInfo": {**_INFO, "kubeletVersion": "v1.31.0", "architecture": "arm64", "operatingSystem": "linux"},
    },
    KindRef("v1", "Pod"): {
        "phase": "Running",
        "conditions": [_CONDITION, {"type": "Initialized", "status": "False"}],
        "startTime": "2026-11-01T08:00:00Z",
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}],
    },
    KindRef("apps/v1", "Deployment"): {"replicas": 4, "readyReplicas": 2},
    KindRef("apps/v1", "StatefulSet"): {"replicas": 4, "readyReplicas": 2},
    KindRef("apps/v1", "ReplicaSet"): _READY,
    KindRef("apps/v1", "DaemonSet"): {
        "desiredNumberScheduled": 3,
        "numberReady": 2,
        "currentNumberScheduled": 3,
        "numberMisscheduled": 0,
    },
    KindRef("policy/v1", "PodDisruptionBudget"): {
        "currentHealthy": 4,
        "desiredHealthy": 3,
        "expectedPods": 5,
        "disruptionsAllowed": 1,
    },
}
"""Kind → the status of its object in full."""
